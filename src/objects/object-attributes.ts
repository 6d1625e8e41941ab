import type { ObjectAttributes } from "./hosted-store.ts";

type Loose = { readonly [Name in keyof ObjectAttributes]?: ObjectAttributes[Name] | undefined };

/** The attributes among the properties, without those that are undefined. */
export function pickAttributes({
  contentType,
  headers,
  metadata,
  tags,
  encryption,
}: Loose): ObjectAttributes {
  return {
    ...(contentType !== undefined && { contentType }),
    ...(headers !== undefined && { headers }),
    ...(metadata !== undefined && { metadata }),
    ...(tags !== undefined && { tags }),
    ...(encryption !== undefined && { encryption }),
  };
}
