/** What the vendor published of its scaling benchmark. */
import type { Conditions, Floor } from "./measure.ts";

/** Seconds of its open backend and of its closed product: the instants of a poll, plus the submission. */
export interface Published {
  readonly open?: number;
  readonly closed?: number;
}

export const PUBLISHED: Conditions = {
  durability: "not said by the vendor",
  isolation: "one pod for each driver; leaves run in the orchestrator",
};

/** A floor for each product that has a figure. */
export function publishedFloors({ open, closed }: Published): readonly Floor[] {
  const products = { "open backend": open, "closed product": closed };
  return Object.entries(products).flatMap(([product, value]) =>
    value === undefined
      ? []
      : [{ what: `the vendor's ${product}, published`, value, conditions: PUBLISHED, isFixed: true }],
  );
}
