/** What a check of an image finds. docs/image-check.md explains each code; a test compares the two. */
import type { AdaptationKind } from "../../domain/adaptation.ts";

/** `blocks`: no task can run. `limits`: some cannot, the text says which. `note`: they can. */
export type FindingLevel = "blocks" | "limits" | "note";

/** What changes the image or the program so that the finding is gone; one of them is enough. */
export interface Mend {
  /** One line. Those that install or change owners come before the line USER. */
  readonly dockerfile?: string;
  readonly sdk?: string;
  /** A command of a shell on this machine, or what else to do. */
  readonly other?: string;
}

export interface Finding {
  readonly code: string;
  readonly level: FindingLevel;
  /** Whether no run with this image can succeed, whatever the program: it may be refused before its start. */
  readonly certain: boolean;
  readonly text: string;
  readonly mend: Mend;
  /** By which a server runs the image all the same. */
  readonly adaptation?: AdaptationKind;
}
