import ArgumentParser
import MeshSimulator

// An experiment's name stands for measuring it; `config` is a command of its own.
let words = Array(CommandLine.arguments.dropFirst())
let isExperiment = words.first.flatMap { Experiment(rawValue: $0) }.map { $0 != .config } ?? false
Meshsim.main(isExperiment ? ["measure"] + words : words)
