// Releases and the files that hang on them.

import type { Call, Reply, Routes } from "../exchange.ts";
import { actorOf, found, inPath, inRepository, listed, ok } from "../exchange.ts";
import { invalid, notFound, Refusal } from "../refusal.ts";
import { assetOf, releaseOf } from "../render/release.ts";
import { flagAt, maybeText, textAt } from "../shape.ts";
import { type Asset, isoOf, type Release } from "../world.ts";
import { commitNamed } from "./contents.ts";

export const releaseRoutes: Routes = {
  "GET /repos/{owner}/{repo}/releases": inRepository("contents", "read", listReleases),
  "POST /repos/{owner}/{repo}/releases": inRepository("contents", "write", createRelease),
  "GET /repos/{owner}/{repo}/releases/{release_id}": inRepository("contents", "read", (call) =>
    ok(releaseOf(call.world, call.repository(), releaseIn(call))),
  ),
  "PATCH /repos/{owner}/{repo}/releases/{release_id}": inRepository("contents", "write", updateRelease),
  "GET /repos/{owner}/{repo}/releases/tags/{tag}": inRepository("contents", "read", (call) => {
    const tag = inPath(call, "tag");
    const release = call.repository().releases.find((each) => each.tag === tag && !each.draft);
    return ok(releaseOf(call.world, call.repository(), found(release)));
  }),
  "GET /repos/{owner}/{repo}/releases/{release_id}/assets": inRepository("contents", "read", async (call) => {
    const release = releaseIn(call);
    return await listed(call, release.assets, (each) => assetOf(call.world, call.repository(), release, each));
  }),
  "POST /repos/{owner}/{repo}/releases/{release_id}/assets": inRepository("contents", "write", uploadAsset),
  "GET /repos/{owner}/{repo}/releases/assets/{asset_id}": inRepository("contents", "read", getAsset),
  "DELETE /repos/{owner}/{repo}/releases/assets/{asset_id}": inRepository("contents", "write", (call) => {
    const { release, asset } = assetIn(call);
    release.assets.splice(release.assets.indexOf(asset), 1);
    return { status: 204 };
  }),
};

function releaseIn(call: Call): Release {
  return found(call.repository().releases.find((each) => String(each.id) === inPath(call, "release_id")));
}

function assetIn(call: Call): { readonly release: Release; readonly asset: Asset } {
  const id = inPath(call, "asset_id");
  for (const release of call.repository().releases) {
    const asset = release.assets.find((each) => String(each.id) === id);
    if (asset !== undefined) return { release, asset };
  }
  throw notFound();
}

async function listReleases(call: Call): Promise<Reply> {
  const repository = call.repository();
  // Drafts are shown to whoever may write, which every reader of the stand-in's tests may.
  return await listed(call, repository.releases.toReversed(), (each) => releaseOf(call.world, repository, each));
}

async function createRelease(call: Call): Promise<Reply> {
  const { world, body } = call;
  const repository = call.repository();
  const tag = textAt(body, "tag_name");
  if (repository.releases.some((each) => each.tag === tag && !each.draft)) {
    throw invalid("Validation Failed", [{ resource: "Release", code: "already_exists", field: "tag_name" }]);
  }
  const draft = flagAt(body, "draft", false);
  const target = maybeText(body, "target_commitish") ?? repository.defaultBranch;
  const release: Release = {
    id: world.nextId(),
    author: actorOf(call.principal),
    tag,
    target,
    name: maybeText(body, "name"),
    body: maybeText(body, "body"),
    draft,
    prerelease: flagAt(body, "prerelease", false),
    createdAt: isoOf(world.now()),
    publishedAt: undefined,
    assets: [],
  };
  if (!draft) await publish(call, release);
  repository.releases.push(release);
  return { status: 201, body: releaseOf(world, repository, release) };
}

// Publishing makes the tag where there is none yet.
async function publish(call: Call, release: Release): Promise<void> {
  const { git } = call.repository();
  release.draft = false;
  const name = `refs/tags/${release.tag}`;
  if ((await git.refs(name)).every((each) => each.name !== name)) {
    const commit = await commitNamed(call.repository(), release.target);
    if (commit === undefined) {
      throw invalid("Validation Failed", [{ resource: "Release", code: "invalid", field: "target_commitish" }]);
    }
    await git.move([{ name, from: undefined, to: commit.oid }]);
  }
  release.publishedAt = isoOf(call.world.now());
}

async function updateRelease(call: Call): Promise<Reply> {
  const release = releaseIn(call);
  const { body } = call;
  release.tag = maybeText(body, "tag_name") ?? release.tag;
  release.target = maybeText(body, "target_commitish") ?? release.target;
  release.name = maybeText(body, "name") ?? release.name;
  release.body = maybeText(body, "body") ?? release.body;
  release.prerelease = flagAt(body, "prerelease", release.prerelease);
  if (release.draft && !flagAt(body, "draft", true)) await publish(call, release);
  return ok(releaseOf(call.world, call.repository(), release));
}

function uploadAsset(call: Call): Reply {
  const release = releaseIn(call);
  const name = call.query.get("name") ?? "";
  if (release.assets.some((each) => each.name === name)) {
    throw invalid("Validation Failed", [{ resource: "ReleaseAsset", code: "already_exists", field: "name" }]);
  }
  if (call.raw.length === 0) throw new Refusal(400, "Bad Content-Length");
  const asset: Asset = {
    id: call.world.nextId(),
    // GitHub replaces what it takes for special in a name.
    name: name.replaceAll(/[^\w.@+-]+/g, "."),
    label: call.query.get("label") ?? undefined,
    contentType: call.headers["content-type"] ?? "application/octet-stream",
    content: call.raw,
    uploader: actorOf(call.principal),
    createdAt: isoOf(call.world.now()),
  };
  release.assets.push(asset);
  return { status: 201, body: assetOf(call.world, call.repository(), release, asset) };
}

function getAsset(call: Call): Reply {
  const { release, asset } = assetIn(call);
  if ((call.headers.accept ?? "").includes("octet-stream")) {
    return { status: 200, body: asset.content, headers: { "content-type": asset.contentType } };
  }
  return ok(assetOf(call.world, call.repository(), release, asset));
}
