// Releases and their assets as GitHub shows them.

import { createHash } from "node:crypto";
import type { Shape } from "../shape.ts";
import type { Asset, Release, Repository, World } from "../world.ts";
import { nodeId, userOf } from "./account.ts";
import { apiOf, pageOf } from "./repository.ts";

export function releaseOf(world: World, repository: Repository, release: Release): Shape {
  const api = `${apiOf(world, repository)}/releases/${release.id}`;
  const page = pageOf(world, repository);
  return {
    id: release.id,
    node_id: nodeId("RE", release.id),
    url: api,
    assets_url: `${api}/assets`,
    upload_url: `${world.origin}/uploads${api.slice(world.origin.length)}/assets{?name,label}`,
    html_url: `${page}/releases/tag/${release.tag}`,
    author: userOf(world, release.author),
    tag_name: release.tag,
    target_commitish: release.target,
    name: release.name ?? null,
    body: release.body ?? null,
    draft: release.draft,
    prerelease: release.prerelease,
    immutable: false,
    created_at: release.createdAt,
    published_at: release.publishedAt ?? null,
    tarball_url: release.draft ? null : `${apiOf(world, repository)}/tarball/${release.tag}`,
    zipball_url: release.draft ? null : `${apiOf(world, repository)}/zipball/${release.tag}`,
    assets: release.assets.map((asset) => assetOf(world, repository, release, asset)),
  };
}

export function assetOf(world: World, repository: Repository, release: Release, asset: Asset): Shape {
  return {
    id: asset.id,
    node_id: nodeId("RA", asset.id),
    url: `${apiOf(world, repository)}/releases/assets/${asset.id}`,
    browser_download_url: `${pageOf(world, repository)}/releases/download/${release.tag}/${encodeURIComponent(asset.name)}`,
    name: asset.name,
    label: asset.label ?? "",
    state: "uploaded",
    content_type: asset.contentType,
    size: asset.content.length,
    digest: `sha256:${createHash("sha256").update(asset.content).digest("hex")}`,
    download_count: 0,
    uploader: userOf(world, asset.uploader),
    created_at: asset.createdAt,
    updated_at: asset.createdAt,
  };
}
