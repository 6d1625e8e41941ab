/** Who is signed in, and what each form sends so that a page of another origin cannot send it in their name. */
import type { IncomingMessage } from "node:http";
import { readSmallBody } from "../services/small-body.ts";
import { html, Html } from "./html.ts";
import { isSameOrigin } from "./same-origin.ts";

/** Of a cookie. A browser sends that along whichever page makes it send a request. */
export interface Viewer {
  /** Of the token with which they signed in. */
  readonly name: string;
  /** Known to the pages of the session only. */
  readonly formToken: string;
}

export const FORM_TOKEN = "form-token";

/**
 * Sections are rendered once for all who watch a run, so each page adds its own field to the forms in it. What tasks
 * and people wrote is escaped: every tag is a template's. The script adds the field to forms that come later.
 */
export function withFormToken(content: Html, viewer: Viewer | undefined): Html {
  if (viewer === undefined) return content;
  const field = html`<input type="hidden" name="${FORM_TOKEN}" value="${viewer.formToken}" />`.toString();
  return new Html(content.toString().replaceAll("</form>", `${field}</form>`));
}

/** The fields of a form that a page of this server posted; undefined where something else posted it. */
export async function postedForm(
  request: IncomingMessage,
  viewer: Viewer | undefined,
): Promise<URLSearchParams | undefined> {
  const fields = new URLSearchParams(await readSmallBody(request));
  if (!isSameOrigin(request)) return undefined;
  return viewer === undefined || fields.get(FORM_TOKEN) === viewer.formToken ? fields : undefined;
}
