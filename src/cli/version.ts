import manifest from "../../package.json" with { type: "json" };

/** This package's version, as the record names it. */
export const version: string = manifest.version;
