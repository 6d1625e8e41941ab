import type { TimeMs } from "./action.ts";

export interface ProjectRecord {
  readonly id: string;
  readonly name: string;
  readonly description: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly state: "active" | "archived";
  readonly createdAt: TimeMs;
}
