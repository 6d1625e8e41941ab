/** A package index with small wheels, and a lock of them. */
import { createHash } from "node:crypto";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import type { TestContext } from "node:test";
import type { Lock, LockedWheel } from "../../src/python-runtime/lock.ts";
import { writeZip, type ZipContent } from "./zip.ts";

export interface TestWheel extends LockedWheel {
  readonly content: Buffer;
}

export function makeWheel(name: string, files: readonly ZipContent[]): TestWheel {
  const content = writeZip([
    { name: `${name}-1.0.dist-info/METADATA`, content: `Name: ${name}\n` },
    ...files,
  ]);
  const sha256 = createHash("sha256").update(content).digest("hex");
  return {
    name,
    version: "1.0",
    file: `${name}-1.0-py3-none-any.whl`,
    sha256,
    size: content.length,
    content,
  };
}

export function lockOf(wheels: readonly LockedWheel[]): Lock {
  return { python: "3.11", libc: "glibc", arch: "amd64", flyte: "1.0", minimumLibc: "2.17", wheels };
}

export interface TestIndex {
  /** Ends with `/simple`. */
  readonly url: string;
  /** The paths that were asked for, in order. */
  readonly requests: string[];
}

export interface IndexOptions {
  /** Answers in HTML with relative links, as mirrors do. @default JSON */
  readonly html?: boolean;
  /** A status instead of the answer, or a changed body; undefined for the true answer. */
  readonly instead?: (request: IncomingMessage) => number | Buffer | undefined;
}

export async function startIndex(
  t: TestContext,
  wheels: readonly TestWheel[],
  { html = false, instead }: IndexOptions = {},
): Promise<TestIndex> {
  const requests: string[] = [];
  const server = createServer((request, response) => {
    const path = decodeURIComponent(request.url ?? "");
    requests.push(path);
    const other = instead?.(request);
    if (typeof other === "number") return response.writeHead(other).end();
    const page = /^\/simple\/([^/]+)\/$/u.exec(path)?.[1];
    const ofProject = wheels.filter(({ name }) => name === page);
    if (page !== undefined && html) {
      const links = ofProject.map(
        ({ file, sha256 }) =>
          `<a data-requires-python="&gt;=3.10"\n href="../../files/${encodeURIComponent(file)}#sha256=${sha256}">${file}</a>`,
      );
      return response
        .setHeader("content-type", "text/html; charset=utf-8")
        .end(`<html><a href="%zz">?</a>${links.join("<br>")}</html>`);
    }
    if (page !== undefined) {
      const files = ofProject.map(({ file }) => ({
        filename: file,
        url: `/files/${encodeURIComponent(file)}`,
      }));
      return response
        .setHeader("content-type", "application/vnd.pypi.simple.v1+json")
        .end(JSON.stringify({ files: [{ filename: "other.whl", url: "/files/other.whl" }, ...files] }));
    }
    const wheel = wheels.find(({ file }) => path === `/files/${file}`);
    if (wheel === undefined) return response.writeHead(404).end();
    return response.end(other ?? wheel.content);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/simple`, requests };
}
