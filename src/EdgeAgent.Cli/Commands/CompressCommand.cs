using System.CommandLine;
using System.Globalization;
using EdgeAgent.Cli.CommandLine;
using EdgeAgent.Cli.Fleet;
using EdgeAgent.Compression;
using EdgeAgent.Contracts.Costs;
using EdgeAgent.Contracts.Devices;
using EdgeAgent.Inputs;
using Spectre.Console;

namespace EdgeAgent.Cli.Commands;

/// <summary><c>edgectl compress</c>: a teacher becomes a family of int8 students for the boards named.</summary>
internal static class CompressCommand
{
    public static Command Create(Terminal terminal)
    {
        var run = new TrainingRunOptions();
        var profiles = new ProfileOptions();
        var students = new Option<int>("--students") { Description = "Students of different sizes for each profile", DefaultValueFactory = _ => 3 }.Between(1, 16);
        var times = OptionRanges.List<double>("--times", "How many times smaller than the model's file each student is to be, such as 24,94,250, in place of --students",
            text => double.TryParse(text, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var value) && value is > 1 and <= 1e6 ? value : null,
            "--times takes numbers above 1, such as 94 or 24,94,250.");
        var teacher = new Option<string>("--teacher") { Description = "fixed: frozen; joint: trained together with the students", DefaultValueFactory = _ => "fixed" };
        teacher.AcceptOnlyFromAmong("fixed", "joint");
        var blocks = new Option<string>("--blocks") { Description = "sliced: narrower copies of the teacher's layers; mobile: depthwise-separable blocks; auto: what is better at the same cost", DefaultValueFactory = _ => "auto" };
        blocks.AcceptOnlyFromAmong("auto", "sliced", "mobile");
        var name = new Option<string?>("--name") { Description = "Name of the model in the fleet (default: the file's name)" };
        var budgets = new BudgetOptions();
        var fromFleet = new Option<string?>("--from-fleet") { Description = "Address of a controller: predict latencies by what its devices measured" };
        var controller = new ControllerOptions();
        var command = new Command("compress", "Make a family of small int8 students for one or more boards")
        {
            students, times, teacher, blocks, name, fromFleet, controller.Token, controller.TokenFile,
        };
        run.AddTo(command);
        profiles.AddTo(command);
        budgets.AddTo(command);
        command.Validators.Add(line =>
        {
            if (line.GetResult(students) is { Implicit: false } && line.GetResult(times) is { Implicit: false })
                line.AddError("--students and --times exclude each other: --times says how many students there are.");
        });
        command.SetAction(async (parsed, cancellation) =>
        {
            var boards = profiles.Load(parsed);
            IReadOnlyDictionary<string, CostModel> costs = new Dictionary<string, CostModel>();
            if (parsed.GetValue(fromFleet) is { } address)
            {
                using var fleet = controller.Connect(address, parsed);
                costs = await FittedCosts.FetchAsync(fleet, boards, terminal.Note, cancellation);
            }
            var report = Run(terminal, new CompressionOptions(run.Read(parsed), boards)
            {
                Students = parsed.GetValue(students),
                Times = parsed.GetValue(times)!,
                Teacher = parsed.GetValue(teacher) == "joint" ? TeacherMode.Joint : TeacherMode.Fixed,
                Blocks = parsed.GetValue(blocks) switch { "sliced" => BlockChoice.Sliced, "mobile" => BlockChoice.Mobile, _ => BlockChoice.Auto },
                CostModels = costs,
                Budgets = budgets.Read(parsed),
                Name = parsed.GetValue(name),
            }, cancellation);
            terminal.Result(report.ToJson(), console => FamilyTable.Show(console, report));
            return ExitCodes.Done;
        });
        return command;
    }

    /// <summary>Runs the pipeline with its progress on standard error.</summary>
    /// <exception cref="CommandException">It was stopped; the message says how to go on.</exception>
    public static FamilyReport Run(Terminal terminal, CompressionOptions options, CancellationToken cancellation) =>
        CompressionBar.Run(terminal, options, progress => CompressionPipeline.Run(options, progress, cancellation));
}
