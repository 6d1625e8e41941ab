/** What one environment runs in. */
export interface EnvironmentImage {
  readonly environment: string;
  /** `built`: the SDK builds it when a run starts, on the image `reference`. `unnamed`: the program does not say which one `reference` means. */
  readonly kind: "given" | "built" | "unnamed";
  readonly reference: string;
}
