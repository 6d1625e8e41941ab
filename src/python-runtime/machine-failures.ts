/** What a program in an image says about the machine that it ran on, and not about the image. */
import { findFailure, type FailureRow } from "../lib/failure-table.ts";
import type { ImageProgramEnd } from "./run-in-image.ts";

const LACKING = { code: "ENGINE_FAILED", kind: "system", retry: "later" } as const;

const FAILURES: readonly FailureRow<"ENGINE_FAILED", undefined>[] = [
  {
    ...LACKING,
    answers: { exitCode: 137 },
    source: "SIGKILL: by the kernel where memory ran out, or by whoever manages the machine",
  },
  {
    ...LACKING,
    answers: { text: /\bMemoryError\b|Cannot allocate memory|can't start new thread/u },
    source: "Python's allocator, the dynamic linker of glibc, Modules/_threadmodule.c",
  },
  {
    ...LACKING,
    // EIO, EAGAIN, ENOMEM, ENFILE, EMFILE, ENOSPC, ESTALE and EDQUOT.
    answers: { text: /(?:\[Errno |\(os error |Os \{ code: )(?:5|11|12|23|24|28|116|122)\b/u },
    source: "errno(3) of Linux, as Python's OSError and Rust's io::Error print it",
  },
  {
    ...LACKING,
    answers: { text: /can't open file '\/run\/boxkite\/|\[Errno \d+\][^\n]*'\/run\/boxkite\//u },
    source: "Python 3.11 where SELinux does not let a container read what is mounted",
  },
];

/**
 * Whether the same program may succeed in the same image later. `exitCode`: undefined where its time was up. `text`: its
 * error.
 */
export function isMachineFailure(
  { exitCode }: Pick<ImageProgramEnd, "exitCode">,
  text: string | undefined,
): boolean {
  return exitCode === undefined || findFailure(FAILURES, { exitCode, text }, undefined) !== undefined;
}
