// Where an App is: an https origin. Plain http is for this machine alone, where tests and trials run.

/** What was given is not the URL of an App. */
export class AppUrlError extends Error {
  override readonly name = "AppUrlError";
}

const LOOPBACK = new Set(["localhost", "127.0.0.1", "[::1]"]);

/** The App's URL as tokens name it: scheme, host and port, without a slash at its end. Throws AppUrlError. */
export function readAppUrl(text: string): string {
  let url: URL;
  try {
    url = new URL(text);
  } catch (cause) {
    throw new AppUrlError("--app takes the App's URL, as in --app https://countersign.example.com", { cause });
  }
  const isPlain = url.protocol === "http:" && LOOPBACK.has(url.hostname);
  if (url.protocol !== "https:" && !isPlain) {
    throw new AppUrlError("--app takes an https URL: over plain http anybody on the way could answer for people");
  }
  if (url.username !== "" || url.password !== "")
    throw new AppUrlError("--app: the App's URL holds no user or password");
  if (url.pathname !== "/" || url.search !== "" || url.hash !== "") {
    throw new AppUrlError("--app: the App's URL ends after its host and port; leave out the path");
  }
  return url.origin;
}
