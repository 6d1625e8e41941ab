import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { writeZip, type ZipContent } from "../../test/helpers/zip.ts";
import { readZip } from "./zip.ts";

const FILE: ZipContent = { name: "package/module.py", content: "x = 1\n".repeat(100) };

async function contents(archive: Buffer): Promise<[string, string][]> {
  return Promise.all(
    readZip(archive).map(async (file) => [file.name, (await file.read()).toString()] as [string, string]),
  );
}

suite("zip archives", () => {
  test("deflated, stored and empty files, directories and a comment", async () => {
    const archive = writeZip(
      [
        FILE,
        { name: "package/", content: "" },
        { name: "ü.txt", content: "stored", stored: true },
        { name: "empty", content: "" },
      ],
      "a comment with PK in it",
    );
    assert.deepEqual(await contents(archive), [
      ["package/module.py", "x = 1\n".repeat(100)],
      ["ü.txt", "stored"],
      ["empty", ""],
    ]);
  });

  test("a symbolic link is told apart", () => {
    const [link, file] = readZip(writeZip([{ name: "link", content: "/etc", mode: 0o120777 }, FILE]));
    assert.deepEqual([link?.isSymbolicLink, file?.isSymbolicLink], [true, false]);
  });

  for (const [what, archive, message] of [
    ["nothing", Buffer.alloc(0), /no zip archive/],
    ["a page for people", Buffer.from("<html>sign in</html>".repeat(10)), /no zip archive/],
    ["one that is cut off", writeZip([FILE]).subarray(0, -30), /no zip archive/],
    ["one whose beginning is missing", writeZip([FILE]).subarray(40), /damaged|cut off/],
    ["a file with another checksum", writeZip([{ ...FILE, crc: 1 }]), /module\.py is damaged/],
    ["an encrypted file", writeZip([{ ...FILE, flags: 1 }]), /module\.py is encrypted/],
  ] as const) {
    test(`${what} is refused`, () => assert.rejects(async () => contents(archive), message));
  }

  test("a file that decompresses to more than its size is refused", async () => {
    const archive = writeZip([FILE]);
    const directory = archive.lastIndexOf("PK\x01\x02");
    archive.writeUInt32LE(10, directory + 24);
    await assert.rejects(contents(archive), /larger than 10|damaged/);
  });
});
