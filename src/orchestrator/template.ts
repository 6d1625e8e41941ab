/**
 * The variables in a task's arguments, `{{.input}}` or `{{$input}}`, whatever the case and spacing
 * (as Flyte's Go backend reads them).
 */
export interface TemplateValues {
  readonly input: string;
  readonly outputPrefix: string;
  readonly rawOutputDataPrefix: string;
  readonly checkpointOutputPrefix: string;
  /** Empty when there was no earlier attempt. */
  readonly prevCheckpointPrefix: string;
  readonly runName: string;
  readonly actionName: string;
  /** RFC 3339. */
  readonly runStartTime: string;
  readonly executionProject: string;
  readonly executionDomain: string;
  readonly executionOrg: string;
  readonly podName: string;
  readonly perRetryUniqueKey: string;
}

const VARIABLE = /\{\{\s*[.$]([A-Za-z]+)\s*\}\}/gu;

/** Fills texts in. Unknown variables stay as they are: they may be the task's own text. */
export function templateFiller(values: TemplateValues): (text: string) => string {
  const byLowerCase = new Map(
    Object.entries(values).map(([name, value]) => [name.toLowerCase(), value as string]),
  );
  return (text) =>
    text.replaceAll(VARIABLE, (whole, name: string) => byLowerCase.get(name.toLowerCase()) ?? whole);
}
