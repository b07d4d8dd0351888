(() => {
  const safe = (text) => text.replace(/['"\\`]/g, (sign) => "%" + sign.charCodeAt(0).toString(16));
  const here = safe(location.origin + location.pathname + location.search);
  for (const place of document.querySelectorAll("[data-here]")) place.textContent = here;
  if (!navigator.clipboard) return;
  const said = document.getElementById("said");
  for (const button of document.querySelectorAll("[data-copy]")) {
    const code = document.getElementById(button.dataset.copy);
    button.hidden = false;
    button.addEventListener("click", async () => {
      try {
        await navigator.clipboard.writeText(code.textContent);
        button.textContent = said.textContent = "Copied";
      } catch {
        getSelection().selectAllChildren(code);
        said.textContent = "Selected. Copy it with your keyboard.";
      }
      setTimeout(() => { button.textContent = "Copy"; said.textContent = ""; }, 2500);
    });
  }
})();
