using System.CommandLine;
using EdgeAgent.Cli.CommandLine;
using EdgeAgent.Cli.Engines;
using EdgeAgent.Cli.Measuring;
using EdgeAgent.Contracts.Benchmarks;
using Spectre.Console;

namespace EdgeAgent.Cli.Commands;

/// <summary>
/// <c>edgectl bench --model M</c>: latency on this machine, alone, against another model or operator by operator;
/// <c>edgectl bench --roofline</c>: what a core of this machine can do at most.
/// </summary>
internal static class BenchCommand
{
    public static Command Create(Terminal terminal)
    {
        var model = ModelOptions.Model();
        model.Required = false;
        var engine = ModelOptions.Engine(Classifiers.Int8, Classifiers.OnnxRuntime);
        var threads = ModelOptions.Threads(1);
        var against = new Option<string?>("--against") { Description = "Another model, run in turns with this one" };
        var seconds = new Option<double>("--seconds") { Description = "Time limit; ends earlier once the median is known within 2 %", DefaultValueFactory = _ => 10 }.Between(0.1, 3600);
        var perOp = new Option<bool>("--per-op") { Description = "Time, MACs and bytes of every operator of a plan, on one thread" };
        var roofline = new Option<bool>("--roofline") { Description = "Instead of a model: the peak rates of one core, its caches and memory" };
        var sizes = ModelOptions.Sizes();
        var command = new Command("bench", "Measure a model's latency on this machine") { model, engine, threads, against, seconds, perOp, roofline, sizes };
        command.Validators.Add(line =>
        {
            if (line.GetValue(roofline) == (line.GetValue(model) is not null))
                line.AddError("give --model M, or --roofline without a model");
            else if (line.GetValue(perOp) && (line.GetValue(roofline) || line.GetValue(against) is not null || line.GetResult(threads) is { Implicit: false }))
                line.AddError("--per-op times one plan on one thread; leave --roofline, --against and --threads away");
        });
        command.SetAction((parsed, cancellation) =>
        {
            var budget = TimeSpan.FromSeconds(parsed.GetValue(seconds));
            if (parsed.GetValue(roofline))
            {
                var peaks = RooflineBenchmark.Run();
                terminal.Result(peaks, CliJson.Default.RooflineDocument, console => RooflineBenchmark.Show(console, peaks));
                return Task.FromResult(ExitCodes.Done);
            }
            if (parsed.GetValue(perOp))
            {
                var operators = OperatorBenchmark.Run(parsed.GetValue(model)!, budget);
                terminal.Result(operators, CliJson.Default.OperatorsDocument, console => OperatorBenchmark.Show(console, operators));
                return Task.FromResult(ExitCodes.Done);
            }
            var open = parsed.GetValue(sizes)!;
            using var subject = new ModelBenchmark(parsed.GetValue(model)!, parsed.GetValue(engine), parsed.GetValue(threads), open);
            // The other model may be of another kind: its engine follows from its file, and a plan leaves no size open.
            using var other = parsed.GetValue(against) is { } path ? new ModelBenchmark(path, null, parsed.GetValue(threads), Classifiers.IsPlan(path) ? [] : open) : null;
            var document = other is null ? Alone(subject, budget, cancellation) : Against(subject, other, budget, cancellation);
            terminal.Result(document, CliJson.Default.BenchDocument, console => Show(console, document));
            return Task.FromResult(ExitCodes.Done);
        });
        return command;
    }

    private static BenchDocument Alone(ModelBenchmark subject, TimeSpan budget, CancellationToken cancellation)
    {
        var disturbance = new Disturbance();
        var samples = LatencyMeasurement.Run([subject.Run], budget, cancellation);
        return subject.Document(samples[0], disturbance.Reasons());
    }

    private static BenchDocument Against(ModelBenchmark subject, ModelBenchmark other, TimeSpan budget, CancellationToken cancellation)
    {
        var disturbance = new Disturbance();
        var samples = LatencyMeasurement.Run([subject.Run, other.Run], budget, cancellation);
        var reasons = disturbance.Reasons();
        var pValue = Statistics.MannWhitney(samples[0], samples[1]);
        var (first, second) = (subject.Document(samples[0], reasons), other.Document(samples[1], reasons));
        return first with { Against = second, RatioP50 = second.P50Us / first.P50Us, PValue = pValue };
    }

    private static void Show(IAnsiConsole console, BenchDocument document)
    {
        var table = new Table().Border(TableBorder.Simple);
        foreach (var column in (string[])["", "engine", "threads", "samples", "min", "p50", "95 % of p50", "p90", "p95", "p99", "cold start", "memory"])
            table.AddColumn(column);
        Add(table, "model", document);
        if (document.Against is { } other)
            Add(table, "against", other);
        console.Write(table);
        if (document.RatioP50 is { } ratio)
            console.WriteLine(Units.Text($"the other takes {ratio:0.00} times as long at the median (Mann-Whitney p = {document.PValue:0.0000})"));
        foreach (var reason in document.Reasons)
            console.WriteLine($"not valid: {reason}");
    }

    private static void Add(Table table, string name, BenchDocument document) => table.AddRow(
        name,
        document.KernelSet is { } kernels ? $"{document.Engine} ({kernels})" : document.Engine,
        Units.Text($"{document.Threads}"),
        Units.Text($"{document.Samples}"),
        Units.Microseconds(document.MinUs),
        Units.Microseconds(document.P50Us),
        $"{Units.Microseconds(document.IntervalUs[0])} - {Units.Microseconds(document.IntervalUs[1])}",
        Units.Microseconds(document.P90Us),
        Units.Microseconds(document.P95Us),
        Units.Microseconds(document.P99Us),
        Units.Microseconds(document.ColdStartUs),
        Units.Bytes(document.PeakBytes));
}
