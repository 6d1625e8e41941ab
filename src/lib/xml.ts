/** Reads XML of an S3 client or server, within bounds: whoever sends it may mean harm. */
import type { XMLParser } from "fast-xml-parser";

export interface XmlElement {
  /** Without a namespace prefix. */
  readonly name: string;
  readonly children: readonly XmlElement[];
  /** Of the element itself, not of its children; spaces stay. */
  readonly text: string;
}

/** 10,000 parts with their checksums, and 1000 of the longest keys, are below. A hostile one of this size takes 0.8 s. */
export const MAX_XML_BYTES = 2 * 1024 * 1024;
/** Begin and end tags, of 100,000 elements. */
const MAX_TAGS = 200_000;
/** `<Delete><Object><Key>` is the deepest that is sent, `<ListBucketResult><Contents><Owner><ID>` what is answered. */
const MAX_DEPTH = 8;

/** DOCTYPE, and with it entities of one's own, and CDATA: no S3 client sends them. Comments may be. */
const DECLARATION = /<!(?!--)/;
const ENTITIES: ReadonlyMap<string, string> = new Map([
  ["lt", "<"],
  ["gt", ">"],
  ["amp", "&"],
  ["quot", '"'],
  ["apos", "'"],
]);

/** Undefined for what is not well-formed UTF-8 and XML, is beyond the bounds, or has a DOCTYPE. */
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
    // The library throws plain errors for whatever it does not like, as we do below.
    return undefined;
  }
}

export function childText(parent: XmlElement, name: string): string | undefined {
  return parent.children.find((child) => child.name === name)?.text;
}

/** As the library has them in the order of the document: a text, or one property named as the element. */
type Node = Readonly<Record<string, unknown>>;

let parser: XMLParser | undefined;

/** Loaded where XML is read: most tasks, and most starts of the program, read none. */
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
    // Decoded below: the library drops control characters, and the key without one is another key.
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
  // The library reads over what stands behind the last element.
  if (DECLARATION.test(source) || !source.trimEnd().endsWith(">")) return false;
  let tags = 0;
  for (let at = source.indexOf("<"); at !== -1; at = source.indexOf("<", at + 1)) {
    if (++tags > MAX_TAGS) return false;
  }
  return true;
}

/** Throws for an entity that is not XML's own. */
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
