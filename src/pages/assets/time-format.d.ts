export declare function formatTime(ms: number, offsetMinutes?: number): string;
export declare function formatTimeOfDay(ms: number, offsetMinutes?: number): string;
export declare function formatZone(offsetMinutes: number): string;
