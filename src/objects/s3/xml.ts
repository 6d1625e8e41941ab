/** Writes the XML of answers: elements and text. */
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

function escapeXml(value: string): string {
  return value.replaceAll(/[&<>"'\p{Cc}]/gu, (sign) => `&#${sign.charCodeAt(0)};`);
}
