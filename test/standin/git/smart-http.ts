// Git's smart HTTP (git's Documentation/gitprotocol-http): what stock `git clone` and `git push` speak, by git's own programs.

import { spawn } from "node:child_process";
import type { IncomingMessage, ServerResponse } from "node:http";
import { createGunzip } from "node:zlib";
import { gitEnvironment } from "./repository.ts";

export interface GitRequest {
  readonly owner: string;
  readonly name: string;
  readonly service: "git-upload-pack" | "git-receive-pack";
  readonly isAdvertisement: boolean;
}

/** Whether a request is git's, and which. */
export function gitRequestOf(method: string, url: URL): GitRequest | undefined {
  const match = /^\/([^/]+)\/([^/]+?)(?:\.git)?\/(info\/refs|git-upload-pack|git-receive-pack)$/.exec(url.pathname);
  if (match === null) return undefined;
  const isAdvertisement = match[3] === "info/refs";
  const service = isAdvertisement ? url.searchParams.get("service") : match[3];
  if (service !== "git-upload-pack" && service !== "git-receive-pack") return undefined;
  if (method !== (isAdvertisement ? "GET" : "POST")) return undefined;
  return { owner: match[1] ?? "", name: match[2] ?? "", service, isAdvertisement };
}

/** Answers with what git's own server program says. */
export function serveGit(folder: string, what: GitRequest, request: IncomingMessage, response: ServerResponse): void {
  const version = request.headers["git-protocol"];
  const protocol = typeof version === "string" ? version : "";
  const mode = what.isAdvertisement ? ["--http-backend-info-refs"] : [];
  const child = spawn("git", [what.service.slice(4), "--stateless-rpc", ...mode, folder], {
    env: { ...gitEnvironment(), GIT_PROTOCOL: protocol },
    stdio: ["pipe", "pipe", "ignore"],
  });
  const kind = what.isAdvertisement ? "advertisement" : "result";
  response.writeHead(200, { "content-type": `application/x-${what.service}-${kind}`, "cache-control": "no-cache" });
  if (what.isAdvertisement && !protocol.includes("version=2")) {
    const line = `# service=${what.service}\n`;
    response.write(`${(line.length + 4).toString(16).padStart(4, "0")}${line}0000`);
  }
  child.stdin.on("error", () => undefined); // git ended first and said why in its answer
  child.once("error", () => response.destroy());
  const body = request.headers["content-encoding"] === "gzip" ? request.pipe(createGunzip()) : request;
  body.on("error", () => child.stdin.end());
  body.pipe(child.stdin);
  child.stdout.pipe(response);
}
