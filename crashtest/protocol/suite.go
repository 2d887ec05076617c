package protocol

import "slices"

// A variant is how transactions of one shape are made, and what may go wrong meanwhile.
type variant struct {
	name string
	set  func(*Scenario)
}

// variants together have everything; each bounds one search so that all of it can be seen.
var variants = []variant{
	{"crash in crash", func(sc *Scenario) { sc.maxCrash = 2 }},
	{"new store", func(sc *Scenario) { sc.maxCrash, sc.fresh = 2, true }},
	{"syncfs", func(sc *Scenario) { sc.maxCrash, sc.syncfs = 1, true }},
	{"user", func(sc *Scenario) { sc.maxCrash, sc.maxActs = 1, 1 }},
	{"user, expect", func(sc *Scenario) { sc.maxCrash, sc.maxActs, sc.expect = 1, 1, true }},
	{"user, no exchange", func(sc *Scenario) { sc.maxCrash, sc.maxActs, sc.noswap = 1, 1, true }},
	{"refusal", func(sc *Scenario) { sc.maxCrash, sc.refusals = 1, 1 }},
	{"abandon", func(sc *Scenario) { sc.maxCrash, sc.abandon = 2, true }},
	{"history", func(sc *Scenario) { sc.maxCrash, sc.history = 2, true }},
	{"history, user", func(sc *Scenario) { sc.maxCrash, sc.maxActs, sc.history = 1, 1, true }},
	{"process, then sync", func(sc *Scenario) { sc.maxCrash, sc.process[0] = 1, true }},
	{"process twice", func(sc *Scenario) { sc.maxCrash, sc.process = 1, [2]bool{true, true} }},
}

// larger are the variants of the larger search, where several things go wrong together.
var larger = []variant{
	{"user and refusal", func(sc *Scenario) { sc.maxCrash, sc.maxActs, sc.refusals = 1, 1, 1 }},
	{"user and refusal, expect", func(sc *Scenario) { sc.maxCrash, sc.maxActs, sc.refusals, sc.expect = 1, 1, 1, true }},
	{"refusal, crash in crash", func(sc *Scenario) { sc.maxCrash, sc.refusals = 2, 1 }},
	{"refusal, no exchange", func(sc *Scenario) { sc.maxCrash, sc.refusals, sc.noswap = 1, 1, true }},
	{"user, expect, no exchange", func(sc *Scenario) { sc.maxCrash, sc.maxActs, sc.expect, sc.noswap = 1, 1, true, true }},
	{"abandon and user", func(sc *Scenario) { sc.maxCrash, sc.maxActs, sc.abandon = 1, 1, true }},
	{"process and user", func(sc *Scenario) { sc.maxCrash, sc.maxActs, sc.process[0] = 1, 1, true }},
	{"user, crash in crash", func(sc *Scenario) { sc.maxCrash, sc.maxActs = 2, 1 }},
}

// twoLinks lets a user act twice: he gives a file a second name, and later moves it back to the first one.
var twoLinks = variant{"second name", func(sc *Scenario) { sc.maxCrash, sc.maxActs, sc.acts = 1, 2, []act{asideA, backA} }}

// undos are those in which B takes A back.
var undos = []variant{
	{"undo", func(sc *Scenario) { sc.maxCrash, sc.history, sc.undo = 2, true, true }},
	{"undo, no exchange", func(sc *Scenario) { sc.maxCrash, sc.history, sc.undo, sc.noswap = 1, true, true, true }},
	{"undo, user", func(sc *Scenario) { sc.maxCrash, sc.maxActs, sc.history, sc.undo = 1, 1, true, true }},
	{"undo, refusal", func(sc *Scenario) { sc.maxCrash, sc.refusals, sc.history, sc.undo = 1, 1, true, true }},
}

// Suite returns all shapes in all variants: what is searched in CI.
func Suite() []*Scenario {
	return slices.Concat(scenarios(variants), scenarios([]variant{twoLinks}), scenarios(undos))
}

// Larger returns what `make model` searches beside Suite.
func Larger() []*Scenario { return scenarios(larger) }

func scenarios(variants []variant) []*Scenario {
	var all []*Scenario
	for _, v := range variants {
		for _, sh := range shapes {
			if sc := scenario(sh, v); !sc.undo || len(sh.undo) > 0 {
				all = append(all, sc)
			}
		}
	}
	return all
}

func scenario(sh shape, v variant) *Scenario {
	sc := &Scenario{Name: sh.name + ", " + v.name, a: sh.a, b: sh.b, abc: sh.abc, acts: sh.acts}
	v.set(sc)
	if sc.undo {
		sc.b = sh.undo
	}
	return sc
}

// hunt returns the scenario in which a bug must show.
func hunt(b Bug, shapeName string, set func(*Scenario)) *Scenario {
	i := slices.IndexFunc(shapes, func(s shape) bool { return s.name == shapeName })
	sc := scenario(shapes[i], variant{string(b), set})
	sc.bug = b
	return sc
}
