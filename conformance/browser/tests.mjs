// Runs the tests of a page, each in a tab of its own, and leaves nothing running behind.
import { Chromium } from "./chromium.mjs";

/**
 * `tests`: by name, each called with its tab and with what `begin` gives. `end` is called once, however this ends, and ends what
 * the tests have started; it must do that before its first await, for a signal does not wait.
 */
export async function runTests(chromium, tests, { begin = async () => [], end }) {
  const started = performance.now();
  const browser = new Chromium(chromium);
  for (const signal of ["SIGINT", "SIGTERM"]) {
    process.once(signal, () => {
      end();
      browser.kill();
      process.exit(1);
    });
  }
  let failed = 0;
  try {
    const given = await begin();
    for (const [name, test] of Object.entries(tests)) {
      const tab = await browser.tab();
      try {
        await test(tab, ...given);
        console.log(`browser: ok      ${name}`);
      } catch (error) {
        failed += 1;
        console.log(`browser: FAILED  ${name}\n${error.stack}`);
      }
      await tab.close();
    }
  } finally {
    await end();
    await browser.close();
  }
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  console.log(`browser: ${Object.keys(tests).length - failed} passed, ${failed} failed, in ${seconds} s`);
  process.exitCode = failed ? 1 : 0;
}
