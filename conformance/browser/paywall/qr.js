// Runs in the page, after jsQR: what a phone reads in the code.
(() => {
  const svg = document.querySelector("svg.qr");
  const side = svg.viewBox.baseVal.width;
  const scale = 6;
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = side * scale;
  const context = canvas.getContext("2d");
  context.scale(scale, scale);
  for (const shape of svg.children) {
    context.fillStyle = shape.getAttribute("fill");
    if (shape.tagName === "rect") context.fillRect(0, 0, side, side);
    else context.fill(new Path2D(shape.getAttribute("d")));
  }
  const image = context.getImageData(0, 0, canvas.width, canvas.height);
  return jsQR(image.data, image.width, image.height)?.data ?? null;
})();
