package supervise

import "golang.org/x/sys/unix"

// nativeArch is what seccomp reports for calls made by native code.
const nativeArch = unix.AUDIT_ARCH_AARCH64

// legacyCalls is empty: arm64 started with the *at calls.
var legacyCalls []watched
