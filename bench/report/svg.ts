/** The parts that all pictures share. They bring their own background, so that they read the same on any page. */

/** Colours follow the reader's setting, text and background together. */
const STYLE = `
  text { font: 12px system-ui, sans-serif; fill: #1f2328; }
  .title { font-size: 14px; font-weight: 600; }
  .small { font-size: 11px; fill: #59636e; }
  .end { text-anchor: end; } .middle { text-anchor: middle; }
  .background { fill: #ffffff; stroke: #d1d9e0; }
  .grid { stroke: #d1d9e0; } .goal { stroke: #1f2328; stroke-dasharray: 4 3; }
  .met { fill: #1a7f37; } .missed { fill: #bc4c00; }
  .line { fill: none; stroke-width: 2; } .spread { stroke-width: 1.5; }
  .color0 { stroke: #0969da; } .color1 { stroke: #bc4c00; } .color2 { stroke: #8250df; } .color3 { stroke: #1a7f37; }
  .color4 { stroke: #bf3989; } .color5 { stroke: #9a6700; } .color6 { stroke: #1b7c83; } .color7 { stroke: #59636e; }
  .fill0 { fill: #0969da; } .fill1 { fill: #bc4c00; } .fill2 { fill: #8250df; } .fill3 { fill: #1a7f37; }
  .fill4 { fill: #bf3989; } .fill5 { fill: #9a6700; } .fill6 { fill: #1b7c83; } .fill7 { fill: #59636e; }
  @media (prefers-color-scheme: dark) {
    text { fill: #f0f6fc; } .small { fill: #9198a1; }
    .background { fill: #0d1117; stroke: #3d444d; } .grid { stroke: #3d444d; } .goal { stroke: #f0f6fc; }
    .met { fill: #3fb950; } .missed { fill: #db6d28; }
    .color0 { stroke: #4493f8; } .color1 { stroke: #db6d28; } .color2 { stroke: #ab7df8; } .color3 { stroke: #3fb950; }
    .color4 { stroke: #db61a2; } .color5 { stroke: #d29922; } .color6 { stroke: #39c5cf; } .color7 { stroke: #9198a1; }
    .fill0 { fill: #4493f8; } .fill1 { fill: #db6d28; } .fill2 { fill: #ab7df8; } .fill3 { fill: #3fb950; }
    .fill4 { fill: #db61a2; } .fill5 { fill: #d29922; } .fill6 { fill: #39c5cf; } .fill7 { fill: #9198a1; }
  }
`;

/** How many series have a colour of their own. */
export const COLORS = 8;

export interface Size {
  readonly width: number;
  readonly height: number;
}

export function picture({ width, height }: Size, title: string, parts: readonly string[]): string {
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img">`,
    `<title>${escaped(title)}</title>`,
    `<style>${STYLE}</style>`,
    `<rect class="background" x="0.5" y="0.5" width="${width - 1}" height="${height - 1}" rx="6"/>`,
    text(16, 26, title, "title"),
    ...parts,
    "</svg>\n",
  ].join("\n");
}

export function text(x: number, y: number, content: string, classes = ""): string {
  return `<text x="${round(x)}" y="${round(y)}" class="${classes}">${escaped(content)}</text>`;
}

export function line(x1: number, y1: number, x2: number, y2: number, classes: string): string {
  return `<line x1="${round(x1)}" y1="${round(y1)}" x2="${round(x2)}" y2="${round(y2)}" class="${classes}"/>`;
}

/** To a tenth of a pixel. */
export function round(value: number): number {
  return Math.round(value * 10) / 10;
}

function escaped(content: string): string {
  return content.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}

/** The powers of ten, with 2 and 5 between them, that lie in a range; throws RangeError where an end of it is not above 0 or infinite. */
export function logTicks(from: number, to: number): number[] {
  if (!(from > 0 && to < Infinity)) throw new RangeError(`no logarithmic axis goes from ${from} to ${to}`);
  const ticks: number[] = [];
  for (let power = Math.floor(Math.log10(from)); power <= Math.ceil(Math.log10(to)); power++) {
    for (const step of [1, 2, 5]) {
      const tick = Number((step * 10 ** power).toPrecision(1));
      if (tick >= from && tick <= to) ticks.push(tick);
    }
  }
  return ticks;
}
