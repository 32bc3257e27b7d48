// Writes dist/manifest.txt, from which the server takes the files that it holds.
import { readdirSync, writeFileSync } from "node:fs";

const names = readdirSync("dist", { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile() && entry.name !== "manifest.txt")
  .map((entry) => `${entry.parentPath ?? entry.path}/${entry.name}`.replace(/^dist\//, ""))
  .sort();
writeFileSync("dist/manifest.txt", names.map((name) => `${name}\n`).join(""));
