/** Put in by scripts/build.mjs: the version of package.json, and one id for one set of sources. */
declare const __VERSION__: string
declare const __BUILD_ID__: string
