import assert from "node:assert/strict";
import { test } from "node:test";
import { childText, MAX_XML_BYTES, parseXml, type XmlElement } from "./xml.ts";

const parse = (source: string): Promise<XmlElement | undefined> => parseXml(Buffer.from(source));

test("what clients write", async () => {
  const parsed = await parse(`<?xml version='1.0'?>
    <s3:Delete xmlns:s3="http://s3.amazonaws.com/doc/2006-03-01/"><!-- > --><s3:Quiet>true</s3:Quiet><Object/></s3:Delete>`);
  assert.equal(parsed?.name, "Delete");
  assert.deepEqual(
    parsed.children.map(({ name }) => name),
    ["Quiet", "Object"],
  );
  assert.equal(childText(parsed, "Quiet"), "true");
});

test("text is kept to the character", async () => {
  const texts = [" a  b ", "1e3", "007", "true", "é😀", "a\nb"];
  for (const text of texts) assert.equal((await parse(`<a>${text}</a>`))?.text, text);
  const escaped = "&lt;&gt;&amp;&quot;&apos;&#38;lt;&amp;lt;&#1;&#13;&#10;&#x1F600;&#0;";
  assert.equal((await parse(`<a>${escaped}</a>`))?.text, "<>&\"'&lt;&lt;\u0001\r\n😀\0");
});

test("what is not well-formed, or nobody sends", async () => {
  const wrong = [
    "",
    "a",
    "<a>",
    "<a></b>",
    "<a><b></a></b>",
    "<a/><b/>",
    "x<a/>",
    "<a/>x",
    "<a",
    "</a>",
    "<a>&nope;</a>",
    "<a>&toString;</a>",
    "<a>&__proto__;</a>",
    "<a>&lt</a>",
    "<a>& </a>",
    "<a>&#x110000;</a>",
    "<a>&#xD800;</a>",
    "<!DOCTYPE a><a/>",
    "<a><![CDATA[x]]></a>",
    "<a><__proto__>x</__proto__></a>",
  ];
  for (const source of wrong) assert.equal(await parse(source), undefined, source);
  assert.equal(await parseXml(Buffer.from([0x3c, 0x61, 0x3e, 0xff, 0x3c, 0x2f, 0x61, 0x3e])), undefined);
});

test("what is meant to harm is refused in little time", { timeout: 20_000 }, async () => {
  const laughs = Array.from(
    { length: 9 },
    (_, level) => `<!ENTITY l${level + 1} "${`&l${level};`.repeat(10)}">`,
  );
  const bombs = [
    `<!DOCTYPE a [<!ENTITY l0 "lol">${laughs.join("")}]><a>&l9;</a>`,
    `<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>`,
    "<a>".repeat(9) + "</a>".repeat(9),
    "<a>".repeat(MAX_XML_BYTES / 4),
    "<a>".repeat(190_000),
    `<a>${"<b/>".repeat(200_000)}</a>`,
    `<a>${"<!--".repeat(100_000)}`,
    `<a ${"b='".repeat(100_000)}`,
    `<a>${"x".repeat(10 * 1024 * 1024)}</a>`,
  ];
  for (const bomb of bombs) assert.equal(await parse(bomb), undefined, bomb.slice(0, 50));
  assert.ok(await parse("<a>".repeat(8) + "</a>".repeat(8)));
});

test("the largest that clients send are read", async () => {
  const part = `<Part><ETag>&quot;${"e".repeat(32)}&quot;</ETag><ChecksumSHA256>${"c".repeat(44)}</ChecksumSHA256><PartNumber>10000</PartNumber></Part>`;
  assert.equal((await parse(`<C>${part.repeat(10_000)}</C>`))?.children.length, 10_000);
  const object = `<Object><Key>${"k".repeat(1024)}</Key></Object>`;
  assert.equal((await parse(`<Delete>${object.repeat(1000)}</Delete>`))?.children.length, 1000);
});
