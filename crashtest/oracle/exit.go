package oracle

import "fmt"

// CheckExit says whether what a process has said by its exit code is so: v was found after its step, which did not end
// as predicted, and acked steps before it. Only exit codes of a system that fails are allowed.
func CheckExit(v *Verdict, acked, exit int) error {
	switch exit {
	case 1, 3, 6: // failed, conflict, journal unreadable: the tree is old
		if v.Steps != acked {
			return fmt.Errorf("exit code %d, but %d steps have taken effect, want %d", exit, v.Steps, acked)
		}
	case 7: // committed, not cleaned up
		if v.Steps != acked+1 {
			return fmt.Errorf("exit code %d, but %d steps have taken effect, want %d", exit, v.Steps, acked+1)
		}
	case 5: // the recovery has decided
	default:
		return fmt.Errorf("exit code %d is none of a system that fails", exit)
	}
	return nil
}
