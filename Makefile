# What people run by hand. .ci/run is what must hold; `make check` is its fast part, `make ci` all of it.

.PHONY: check ci test race lint fuzz cover bench crash-long gate windows model soak

check:
	.ci/run format modules vet lint readme
	go test -short ./...

ci:
	.ci/run

test:
	go test ./...

race:
	.ci/run race

lint:
	.ci/run format vet lint

fuzz:
	.ci/run fuzz

cover:
	go test -short -coverpkg=./... -coverprofile=cover.out ./...
	go tool cover -func=cover.out | tail -1

# As root, and for hours: table, JSON and plots into bench/out. See bench/doc.go. make bench DEVICES=ext4 BENCH='-runs 3'
DEVICES ?= ext4,xfs,btrfs,slow
bench:
	mkdir -p bench/out
	go -C bench run . -devices $(DEVICES) -out out/report.md -json out/report.json -plots out $(BENCH)

# As root: power cuts with new seeds, in the model and on real file systems, and a report on ext4 with fast_commit.
# make crash-long FOR=2h
FOR ?= 30m
crash-long:
	go -C crashtest test ./block ./model -run '^Test(Long|FastCommit)$$' -long $(FOR) -timeout 0 -count=1 -v

# As root: every seeded bug must be found, on the layers of the crash lab that are named for it.
gate:
	TXCOMMIT_REQUIRE=all go -C crashtest test -tags gate -run '^TestGate$$' -timeout 0 -count=1 -v ./model ./block

# The Windows build, under Wine (Debian: wine64): the tests that packages have for Windows, and the command, killed.
windows:
	TXCOMMIT_REQUIRE=all go -C crashtest test -tags wine ./wine -count=1 -v

# The model of the protocol, beyond what CI searches of it.
model:
	go -C crashtest test ./protocol -run '^Test(Protocol|Larger)$$' -long 4m -timeout 0 -count=1 -v

# As root: several processes at once, with kills, full disks, foreign edits, undos and views. make soak SOAK=20m
SOAK ?= 20m
soak:
	go -C crashtest test ./soak -long $(SOAK) -timeout 0 -count=1 -v
