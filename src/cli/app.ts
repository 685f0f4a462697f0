/** `countersign app`: hands this process over to the App, which is a file of its own, loaded by its path. */

/** Loads the App, which takes the process's arguments and ends the process when it is done. */
export async function handOver(): Promise<void> {
  const file = import.meta.url.endsWith(".ts") ? "../../app/entry.ts" : "./app.cjs";
  await import(new URL(file, import.meta.url).href);
}
