// Starts the page, and starts again if one of its files could not be loaded.

const RETRY_MS = 3000;

import("./main.js").catch((error) => {
  // A file that did not load is a TypeError. Anything else is a bug, which a reload does not correct.
  if (!(error instanceof TypeError)) throw error;
  const state = document.getElementById("state");
  state.className = "state bad";
  state.textContent = "The page is not complete; trying again… 页面未能完整加载，正在重试……";
  setTimeout(() => location.reload(), RETRY_MS);
});
