/** Apart from error-record.ts, which only a failure needs. */
import { sharedState, type ErrorClass } from "./state.ts";

/**
 * Registers error classes, so that callers in other containers get instances of them, with their fields. The
 * constructor is not called, so private fields are not restored; what an accessor returned is. Errors of other classes
 * arrive as TaskError with the same name and fields.
 */
export function registerError(...classes: readonly ErrorClass[]): void {
  for (const errorClass of classes) sharedState().errorClasses.set(errorClass.name, errorClass);
}
