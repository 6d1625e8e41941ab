/** Parses XML of an S3 client or server, with limits, because it is untrusted. */
import type { XMLParser } from "fast-xml-parser";

export interface XmlElement {
  /** Without a namespace prefix. */
  readonly name: string;
  readonly children: readonly XmlElement[];
  /** The element's own text, without that of its children; white space is kept. */
  readonly text: string;
}

/** More than 10,000 parts with checksums, or 1000 keys of maximum length. A malicious document of this size takes 0.8 s. */
export const MAX_XML_BYTES = 2 * 1024 * 1024;
/** Start and end tags of 100,000 elements. */
const MAX_TAGS = 200_000;
/** `<Delete><Object><Key>` is the deepest request, `<ListBucketResult><Contents><Owner><ID>` the deepest response. */
const MAX_DEPTH = 8;

/** DOCTYPE, with its own entities, and CDATA: no S3 client sends them. Comments are allowed. */
const DECLARATION = /<!(?!--)/;
const ENTITIES: ReadonlyMap<string, string> = new Map([
  ["lt", "<"],
  ["gt", ">"],
  ["amp", "&"],
  ["quot", '"'],
  ["apos", "'"],
]);

/** Undefined for malformed UTF-8 or XML, for a document over the limits, and for one with a DOCTYPE. */
export async function parseXml(bytes: Uint8Array, maxBytes = MAX_XML_BYTES): Promise<XmlElement | undefined> {
  if (bytes.length > maxBytes) return undefined;
  const source = decodeUtf8(bytes);
  if (source === undefined || !isHarmless(source)) return undefined;
  const parser = await sharedParser();
  try {
    const nodes = parser.parse(source, true) as readonly Node[];
    const elements = nodes.filter((node) => !("#text" in node)).map(elementOf);
    return elements.length === 1 ? elements[0] : undefined;
  } catch {
    // The library throws plain errors for malformed input, as the code below does.
    return undefined;
  }
}

export function childText(parent: XmlElement, name: string): string | undefined {
  return parent.children.find((child) => child.name === name)?.text;
}

/** The library's nodes in document order: a text, or an object with one property named like the element. */
type Node = Readonly<Record<string, unknown>>;

let parser: XMLParser | undefined;

/** Loaded at the first use: most tasks, and most commands, read no XML. */
async function sharedParser(): Promise<XMLParser> {
  if (parser !== undefined) return parser;
  const { XMLParser: Parser } = await import("fast-xml-parser");
  parser ??= new Parser({
    preserveOrder: true,
    removeNSPrefix: true,
    ignoreDeclaration: true,
    ignorePiTags: true,
    parseTagValue: false,
    trimValues: false,
    maxNestedTags: MAX_DEPTH - 1,
    // Decoded below, because the library drops control characters, which would change keys.
    processEntities: false,
  });
  return parser;
}

function decodeUtf8(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

function isHarmless(source: string): boolean {
  // The library ignores text after the last element.
  if (DECLARATION.test(source) || !source.trimEnd().endsWith(">")) return false;
  let tags = 0;
  for (let at = source.indexOf("<"); at !== -1; at = source.indexOf("<", at + 1)) {
    if (++tags > MAX_TAGS) return false;
  }
  return true;
}

/** Throws for an entity that is not predefined in XML. */
function elementOf(node: Node): XmlElement {
  const name = Object.keys(node).find((key) => key !== ":@") ?? "";
  const content = node[name] as readonly Node[];
  return {
    name,
    children: content.filter((child) => !("#text" in child)).map(elementOf),
    text: unescapeXml(content.map((child) => textOf(child)).join("")),
  };
}

function textOf(node: Node): string {
  const text = node["#text"];
  return typeof text === "string" ? text : "";
}

function unescapeXml(text: string): string {
  return text.replaceAll(/&([^;&]{0,10});?/g, (whole, entity: string) => {
    const character = ENTITIES.get(entity) ?? characterOf(entity);
    if (character === undefined || !whole.endsWith(";")) throw new Error(`${whole} is no entity of XML`);
    return character;
  });
}

function characterOf(entity: string): string | undefined {
  const match = /^#(?:x([0-9a-fA-F]{1,6})|(\d{1,7}))$/.exec(entity);
  if (match === null) return undefined;
  const code = match[1] === undefined ? Number(match[2]) : Number.parseInt(match[1], 16);
  const isCharacter = code <= 0x10ffff && !(code >= 0xd800 && code <= 0xdfff);
  return isCharacter ? String.fromCodePoint(code) : undefined;
}
