/** What every page has around its content. */
import { html, type Html } from "./html.ts";
import { ASSETS_PATH, HOME_PATH, LOGOUT_PATH, POOLS_PATH } from "./paths.ts";
import { withFormToken, type Viewer } from "./viewer.ts";

export interface Crumb {
  readonly text: string;
  readonly path: string;
}

export interface PageParts {
  readonly title: string;
  /** Links up, from the outermost; the page itself is not among them. */
  readonly crumbs: readonly Crumb[];
  readonly main: Html;
  readonly viewer?: Viewer | undefined;
  /** Whether other machines may connect although nobody proves who they are. */
  readonly isOpenToAnyone: boolean;
  /** Of people who are not signed in yet: without links to other pages of the server. @default false */
  readonly isSignIn?: boolean;
  readonly script?: string;
  /** What the script has to know, as data attributes of the body. */
  readonly data?: Readonly<Record<string, string>>;
}

const SERVER_LINKS = html`<nav class="server" aria-label="Server"><a href="${POOLS_PATH}">Pools</a></nav>`;

const OPEN_TO_ANYONE = html`<p class="open-to-anyone" role="note">
  <strong>This server is open to anyone</strong> who can connect to it: it was started with
  <code>--insecure-no-auth</code>, so everybody on the network may read, change and start everything.
</p>`;

export function layout(parts: PageParts): (nonce: string) => Html {
  const { title, crumbs, main, viewer, isOpenToAnyone, isSignIn, script } = parts;
  const data = { ...parts.data, ...(viewer && { formToken: viewer.formToken }) };
  const attributes = Object.entries(data).map(([name, value]) => html` data-${dashed(name)}="${value}"`);
  return (nonce) =>
    html`<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${title}</title>
<link rel="icon" href="${ASSETS_PATH}icon.svg" type="image/svg+xml">
<link rel="stylesheet" href="${ASSETS_PATH}pages.css" nonce="${nonce}">
${script !== undefined && html`<script type="module" src="${ASSETS_PATH}${script}" nonce="${nonce}"></script>`}
</head>
<body${attributes}>
<a class="skip" href="#main">Skip to content</a>
<header class="top">
<nav aria-label="Where you are"><ol class="crumbs">
<li><a class="brand" href="${HOME_PATH}">Boxkite</a></li>
${crumbs.map((crumb) => html`<li><a href="${crumb.path}">${crumb.text}</a></li>`)}
</ol></nav>
${isSignIn !== true && SERVER_LINKS}
<p id="connection" class="connection" role="status"></p>
${viewer !== undefined && withFormToken(signOut(viewer), viewer)}
</header>
${isOpenToAnyone && OPEN_TO_ANYONE}
<main id="main" tabindex="-1">
${withFormToken(main, viewer)}
</main>
</body>
</html>`;
}

function signOut({ name }: Viewer): Html {
  return html`<form class="viewer" method="post" action="${LOGOUT_PATH}">
    <span class="quiet">${name}</span> <button type="submit">Sign out</button>
  </form>`;
}

/** `formToken` is the attribute `data-form-token`. */
function dashed(name: string): string {
  return name.replaceAll(/[A-Z]/gu, (letter) => `-${letter.toLowerCase()}`);
}
