/** Which driver a version of CUDA needs. */
import { isAtLeast } from "./versions.ts";

/** Linux drivers. Source: NVIDIA, CUDA Toolkit release notes, "CUDA Toolkit and Corresponding Driver Versions". */
const DRIVERS: readonly (readonly [cuda: string, driver: string])[] = [
  ["11.0", "450.51"],
  ["11.1", "455.23"],
  ["11.2", "460.27"],
  ["11.3", "465.19"],
  ["11.4", "470.42"],
  ["11.5", "495.29"],
  ["11.6", "510.39"],
  ["11.7", "515.43"],
  ["11.8", "520.61"],
  ["12.0", "525.60"],
  ["12.1", "530.30"],
  ["12.2", "535.54"],
  ["12.3", "545.23"],
  ["12.4", "550.54"],
  ["12.5", "555.42"],
  ["12.6", "560.28"],
  ["12.8", "570.26"],
  ["12.9", "575.51"],
  ["13.0", "580.65"],
];

/** The newest CUDA that a driver was made for; undefined for a driver older than the table. */
export function newestCudaOf(driver: string): string | undefined {
  return DRIVERS.findLast(([, least]) => isAtLeast(driver, least))?.[0];
}

/** The driver that this version was released with; undefined where the table has none. */
export function driverFor(cuda: string): string | undefined {
  return DRIVERS.find(([version]) => isAtLeast(version, cuda))?.[1];
}

/** `535.129.03` of /proc/driver/nvidia/version. */
export function parseDriverVersion(text: string): string | undefined {
  return /Kernel Module\s+(?:for \S+\s+)?(\d+\.\d+(?:\.\d+)?)/u.exec(text)?.[1];
}
