using System.CommandLine;
using EdgeAgent.Cli.CommandLine;
using EdgeAgent.Cli.Fleet;
using EdgeAgent.Contracts.Benchmarks;
using Spectre.Console;

namespace EdgeAgent.Cli.Commands;

/// <summary><c>edgectl reports</c>: what devices measured and did.</summary>
internal static class ReportsCommand
{
    public static Command Create(Terminal terminal)
    {
        var controller = new ControllerOptions();
        var device = new Option<string?>("--device") { Description = "Of this device only" };
        var model = new Option<string?>("--model") { Description = "About this model only" };
        var limit = new Option<int>("--limit") { Description = "At most this many, the newest", DefaultValueFactory = _ => 50 }.Between(1, 10_000);
        var command = new Command("reports", "Show what devices measured and did") { device, model, limit };
        controller.AddTo(command);
        command.SetAction(async (parsed, cancellation) =>
        {
            using var fleet = controller.Connect(parsed);
            var document = new ReportsDocument(CliJson.Schema, await fleet.ReportsAsync(parsed.GetValue(device), parsed.GetValue(model), parsed.GetValue(limit), cancellation));
            terminal.Result(document, FleetDocumentsJson.Default.ReportsDocument, console => Show(console, document.Reports));
            return ExitCodes.Done;
        });
        return command;
    }

    private static void Show(IAnsiConsole console, IReadOnlyList<StoredReport> reports)
    {
        if (reports.Count == 0)
        {
            console.WriteLine("no reports yet");
            return;
        }
        var table = new Table().Border(TableBorder.Simple).AddColumns("time", "device", "model", "what", "p50", "p95", "energy");
        foreach (var report in reports)
            table.AddRow([.. Row(report).Select(Markup.Escape)]);
        console.Write(table);
    }

    private static string[] Row(StoredReport report)
    {
        var time = Units.Text($"{report.Event.Time:u}{(report.Event.ClockSynchronised ? "" : " ?")}");
        return report.Event switch
        {
            { Benchmark: { } b } =>
            [
                time, report.Device.Value, b.Model,
                $"{Words.Kebab(b.Phase)}: {b.Student}, {b.KernelSet}, {b.Threads} thread{(b.Threads == 1 ? "" : "s")}{(b.Emulated ? ", emulated" : "")}{(b.Latency.Valid ? "" : ", not valid")}",
                Units.Microseconds(b.Latency.P50Us), Units.Microseconds(b.Latency.P95Us), b.Energy is { } energy ? Units.Text($"{energy.Mj:0.###} mJ {Words.Kebab(energy.Source)}") : "",
            ],
            { Deployment: { } d } =>
            [
                time, report.Device.Value, d.Model, $"{Words.Kebab(d.From)} -> {Words.Kebab(d.To)}{(d.Reason is null ? "" : $": {d.Reason}")}", "", "", "",
            ],
            _ => [time, report.Device.Value, "", "", "", "", ""],
        };
    }
}
