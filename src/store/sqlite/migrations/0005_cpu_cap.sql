-- Of a task that asked for more processors than the machine had when it was accepted: domain/resources.ts, CpuCap.
ALTER TABLE actions ADD COLUMN cpu_cap TEXT CHECK (cpu_cap IS NULL OR json_valid(cpu_cap));
