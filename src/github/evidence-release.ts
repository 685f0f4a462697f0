// A file on a release: one release for each, made when it is missing, and never the repository's latest.

import type { Octokit } from "@octokit/core";
import type { RepositoryName } from "./evidence-objects.ts";
import { statusOf } from "./failure.ts";

/** What a release and its one file are called. */
export interface ReleaseFile {
  readonly tag: string;
  readonly title: string;
  readonly text: string;
  readonly asset: string;
}

const ASSETS_PER_PAGE = 100;

/** The file as it hangs there; undefined where it does not, or not wholly. */
export interface ReleasedFile {
  readonly release: number;
  readonly asset: { readonly id: number; readonly isWhole: boolean } | undefined;
  /** Where files of this release are sent. */
  readonly uploadUrl: string;
}

/** Finds the release, or makes it; it is a prerelease, so nobody takes it for a version. */
export async function openRelease(octokit: Octokit, at: RepositoryName, file: ReleaseFile): Promise<ReleasedFile> {
  const release = (await byTag(octokit, at, file.tag)) ?? (await make(octokit, at, file));
  const { data } = await octokit.request("GET /repos/{owner}/{repo}/releases/{release_id}/assets", {
    ...at,
    release_id: release.id,
    per_page: ASSETS_PER_PAGE,
  });
  const asset = data.find(({ name }) => name === file.asset);
  return {
    release: release.id,
    uploadUrl: release.upload_url,
    // An upload that failed leaves a `starter`, which keeps the name and holds nothing.
    asset: asset === undefined ? undefined : { id: asset.id, isWhole: asset.state === "uploaded" && asset.size > 0 },
  };
}

async function byTag(octokit: Octokit, at: RepositoryName, tag: string) {
  try {
    return (await octokit.request("GET /repos/{owner}/{repo}/releases/tags/{tag}", { ...at, tag })).data;
  } catch (error) {
    if (statusOf(error) === 404) return undefined;
    throw error;
  }
}

async function make(octokit: Octokit, at: RepositoryName, { tag, title, text }: ReleaseFile) {
  try {
    // Its tag is on the default branch: on the evidence it would keep reachable what is erased from there later.
    const { data } = await octokit.request("POST /repos/{owner}/{repo}/releases", {
      ...at,
      tag_name: tag,
      name: title,
      body: text,
      prerelease: true,
      make_latest: "false",
    });
    return data;
  } catch (error) {
    const made = statusOf(error) === 422 ? await byTag(octokit, at, tag) : undefined;
    if (made === undefined) throw error;
    return made;
  }
}

/** Hangs the file on its release, in place of one that is there. */
export async function putAsset(
  octokit: Octokit,
  at: RepositoryName,
  { found, name, bytes }: { readonly found: ReleasedFile; readonly name: string; readonly bytes: Uint8Array },
): Promise<void> {
  if (found.asset !== undefined) {
    await octokit.request("DELETE /repos/{owner}/{repo}/releases/assets/{asset_id}", {
      ...at,
      asset_id: found.asset.id,
    });
  }
  // Files go to a host of their own, which only the release names.
  const url = new URL(found.uploadUrl.replace(/\{.*\}$/, ""));
  url.searchParams.set("name", name);
  await octokit.request(`POST ${url.toString()}`, {
    data: Buffer.from(bytes),
    headers: { "content-type": "application/gzip", "content-length": bytes.length },
  });
}
