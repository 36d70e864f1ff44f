import assert from "node:assert/strict";
import { test } from "node:test";

import { SETTINGS, isAllowed } from "../../../web/settings.js";

test("a setting allows its default and the ends of its range, and nothing beyond them", () => {
  for (const setting of Object.values(SETTINGS)) {
    const { default: value, minimum, maximum } = setting;
    const ends = setting.exclusive_minimum ? [maximum] : [minimum, maximum];
    for (const allowed of [value, ...ends]) assert.ok(allowed === null || isAllowed(setting, allowed));
    for (const refused of [minimum - 1, (maximum ?? Infinity) + 1, NaN]) assert.ok(!isAllowed(setting, refused));
  }
});
