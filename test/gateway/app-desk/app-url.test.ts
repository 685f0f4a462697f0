import { expect, it } from "vitest";
import { AppUrlError, readAppUrl } from "../../../src/gateway/app-desk/app-url.ts";

it.each([
  ["https://countersign.example.com", "https://countersign.example.com"],
  ["https://countersign.example.com/", "https://countersign.example.com"],
  ["https://countersign.example.com:443", "https://countersign.example.com"],
  ["https://Countersign.Example.com:8443/", "https://countersign.example.com:8443"],
  ["http://127.0.0.1:3000/", "http://127.0.0.1:3000"],
  ["http://[::1]:3000", "http://[::1]:3000"],
])("takes %s for the App at %s, as tokens name it", (text, url) => {
  expect(readAppUrl(text)).toBe(url);
});

it.each([
  ["no URL", "countersign.example.com"],
  ["plain http to another machine", "http://countersign.example.com"],
  ["another scheme", "ftp://127.0.0.1"],
  ["a user", "https://u:p@countersign.example.com"],
  ["a path", "https://countersign.example.com/app"],
  ["a query", "https://countersign.example.com/?a=1"],
])("refuses %s", (_what, text) => {
  expect(() => readAppUrl(text)).toThrow(AppUrlError);
});
