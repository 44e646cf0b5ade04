using EdgeAgent.Benchmarks.Costs;

// One word chooses the benchmark; what each measures is in its own file and its figures in the README of that part.
return args switch
{
    ["cost-model", var profile, var threads] => CostModelBenchmark.Run(profile, int.Parse(threads)),
    _ => Usage(),
};

static int Usage()
{
    Console.Error.WriteLine("""
        usage: dotnet run -c Release --project tests/EdgeAgent.Benchmarks -- BENCHMARK
          cost-model PROFILE.json THREADS   error of the fitted cost model on students that were not in the fit
        """);
    return 2;
}
