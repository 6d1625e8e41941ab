/** Just enough XML for S3: elements and text. */
const NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/";

export function document(root: string, ...children: readonly string[]): string {
  return `<?xml version="1.0" encoding="UTF-8"?>\n<${root} xmlns="${NAMESPACE}">${children.join("")}</${root}>`;
}

export function element(name: string, ...children: readonly string[]): string {
  return `<${name}>${children.join("")}</${name}>`;
}

/** An element with text; nothing for undefined. */
export function text(name: string, value: string | number | boolean | undefined): string {
  return value === undefined ? "" : element(name, escapeXml(String(value)));
}

export function escapeXml(value: string): string {
  return value.replaceAll(/[&<>"'\p{Cc}]/gu, (sign) => `&#${sign.charCodeAt(0)};`);
}

export interface XmlElement {
  /** Without a namespace prefix. */
  readonly name: string;
  readonly children: readonly XmlElement[];
  /** Of the element itself, not of its children. */
  readonly text: string;
}

/** Undefined if it is not well-formed, and for what no S3 client sends, such as a DOCTYPE. */
export function parseXml(source: string): XmlElement | undefined {
  const document: OpenElement = { name: "", children: [], text: "" };
  const open: OpenElement[] = [document];
  const token = /<\?[^>]*\?>|<!--(?:(?!-->)[^])*-->|<(\/?)([\w:.-]+)([^<>]*)>|([^<]+)/y;
  while (token.lastIndex < source.length) {
    const match = token.exec(source);
    const current = open.at(-1);
    if (match === null || current === undefined) return undefined;
    const [, closing, qualified, rest = "", characters] = match;
    if (characters !== undefined) {
      const decoded = unescapeXml(characters);
      if (decoded === undefined) return undefined;
      current.text += decoded;
    } else if (qualified !== undefined) {
      const name = qualified.slice(qualified.indexOf(":") + 1);
      if (closing === "/") {
        if (current.name !== name || open.length === 1) return undefined;
        open.pop();
      } else {
        const child: OpenElement = { name, children: [], text: "" };
        current.children.push(child);
        if (!rest.endsWith("/")) open.push(child);
      }
    }
  }
  return open.length === 1 && document.children.length === 1 ? document.children[0] : undefined;
}

export function childText(parent: XmlElement, name: string): string | undefined {
  return parent.children.find((child) => child.name === name)?.text;
}

interface OpenElement {
  readonly name: string;
  readonly children: OpenElement[];
  text: string;
}

const ENTITIES: Readonly<Record<string, string>> = { lt: "<", gt: ">", amp: "&", quot: '"', apos: "'" };

function unescapeXml(value: string): string | undefined {
  let valid = true;
  const decoded = value.replaceAll(/&([^;&]{0,10});?/g, (_, entity: string) => {
    const character = ENTITIES[entity] ?? characterOf(entity);
    valid &&= character !== undefined;
    return character ?? "";
  });
  return valid ? decoded : undefined;
}

function characterOf(entity: string): string | undefined {
  const match = /^#(?:x([0-9a-fA-F]{1,6})|(\d{1,7}))$/.exec(entity);
  if (match === null) return undefined;
  const code = match[1] === undefined ? Number(match[2]) : Number.parseInt(match[1], 16);
  return code <= 0x10ffff ? String.fromCodePoint(code) : undefined;
}
