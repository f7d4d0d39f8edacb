// The words of the language that is chosen now.

import { computed } from "@preact/signals";
import { language, type Language } from "../core/settings";
import { en, type Words } from "./en";
import { zh } from "./zh";

export const WORDS: Record<Language, Words> = { en, zh };
export const words = computed(() => WORDS[language.value]);

export type { Words };
