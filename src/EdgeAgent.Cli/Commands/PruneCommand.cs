using System.CommandLine;
using EdgeAgent.Cli.CommandLine;
using EdgeAgent.Compression.Pruning;
using Spectre.Console;

namespace EdgeAgent.Cli.Commands;

/// <summary><c>edgectl prune</c>: a model becomes one with fewer channels, for who wants a smaller float model and no family.</summary>
internal static class PruneCommand
{
    public static Command Create(Terminal terminal)
    {
        var run = new TrainingRunOptions();
        var times = new Option<double>("--times") { Description = "How many times smaller; 1 removes no channels", DefaultValueFactory = _ => 2 }.Between(1, 64);
        var measure = new Option<string>("--measure") { Description = "What is to become smaller: parameters or macs", DefaultValueFactory = _ => "parameters" };
        measure.AcceptOnlyFromAmong("parameters", "macs");
        var criterion = new Option<string>("--criterion") { Description = "How channels are ranked: taylor (gradients of the loss) or l2 (norms of the weights)", DefaultValueFactory = _ => "taylor" };
        criterion.AcceptOnlyFromAmong("taylor", "l2");
        var rounds = new Option<int>("--rounds") { Description = "Rounds of ranking, removal and recovery", DefaultValueFactory = _ => 3 }.Between(1, 64);
        var multiple = new Option<int>("--channel-multiple") { Description = "Keep channels in multiples of this", DefaultValueFactory = _ => 8 }.Between(1, 128);
        var sparsity = new Option<double>("--sparsity") { Description = "Share of single weights to zero: smaller once compressed, not faster", DefaultValueFactory = _ => 0 }.Between(0, 0.99);
        var command = new Command("prune", "Remove the channels that matter least from a model, and recover its accuracy")
        {
            times, measure, criterion, rounds, multiple, sparsity,
        };
        run.AddTo(command);
        command.SetAction((parsed, cancellation) =>
        {
            var options = new PruningOptions(run.Read(parsed))
            {
                Times = parsed.GetValue(times),
                Measure = parsed.GetValue(measure) == "macs" ? PruningMeasure.Macs : PruningMeasure.Parameters,
                Criterion = parsed.GetValue(criterion) == "l2" ? PruningCriterion.GroupL2 : PruningCriterion.Taylor,
                Rounds = parsed.GetValue(rounds),
                ChannelMultiple = parsed.GetValue(multiple),
                Sparsity = parsed.GetValue(sparsity),
            };
            if (options is { Times: 1, Sparsity: 0 })
                throw new WrongUsageException("nothing to prune: give --times above 1, or --sparsity");
            var report = CompressionBar.Run(terminal, options, progress => PruningPipeline.Run(options, progress, cancellation));
            terminal.Result(report.ToJson(), console => Show(console, report));
            return Task.FromResult(ExitCodes.Done);
        });
        return command;
    }

    private static void Show(IAnsiConsole console, PruningReport report)
    {
        var table = new Table().Border(TableBorder.Simple);
        foreach (var column in (string[])["model", $"top-1 ({report.Split})", "95 %", "parameters", "MACs", "file", "p50 here, float32"])
            table.AddColumn(column);
        foreach (var (name, model) in new[] { ("teacher", report.Teacher), ("pruned", report.Pruned) })
            table.AddRow(
                name, Units.Percent(model.Top1), Markup.Escape(Units.Interval(model.Interval)), Units.Count(model.Parameters), Units.Count(model.Macs), Units.Bytes(model.Bytes), Units.Microseconds(model.P50Us));
        console.Write(table);
        foreach (var (round, i) in report.Rounds.Select((r, i) => (r, i + 1)))
            console.WriteLine(Units.Text($"round {i}: {round.Parameters} parameters; top-1 {round.PrunedTop1 * 100:0.0} % as cut, {round.ReestimatedTop1 * 100:0.0} % with statistics measured anew, {round.RecoveredTop1 * 100:0.0} % after {round.Epochs:0.0} epochs"));
        if (report.Sparsity is { } zeros)
            console.WriteLine(Units.Text($"{zeros.Zeros * 100:0.0} % of the weights are zero: the file is {zeros.TimesSmallerCompressed:0.00} times smaller once compressed, and {zeros.TimesFaster:0.00} times as fast: dense kernels multiply zeros too"));
        console.WriteLine(Units.Text($"{Durations.Text(TimeSpan.FromSeconds(report.Seconds))}, written to {report.Model}, and prune.html beside it"));
    }
}
