using System.CommandLine;
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
        var model = ModelOptions.Model();
        var data = new Option<string>("--data") { Description = "Training images: a folder or .zip of class folders", Required = true };
        var validation = new Option<string?>("--validation") { Description = "Images to choose by (default: a tenth of --data)" };
        var test = new Option<string?>("--test") { Description = "Images that are read once, after the choice is on disk" };
        var profiles = new ProfileOptions();
        var students = new Option<int>("--students") { Description = "Students of different sizes for each profile", DefaultValueFactory = _ => 3 }.Between(1, 16);
        var budget = Durations.Option("--budget", "Time for the whole run", TimeSpan.FromMinutes(30));
        var target = new Option<string>("--out") { Description = "Folder for students, report and checkpoints", Required = true };
        var resume = new Option<bool>("--resume") { Description = "Continue the run that was stopped in --out" };
        var teacher = new Option<string>("--teacher") { Description = "fixed: frozen; joint: trained together with the students", DefaultValueFactory = _ => "fixed" };
        teacher.AcceptOnlyFromAmong("fixed", "joint");
        var name = new Option<string?>("--name") { Description = "Name of the model in the fleet (default: the file's name)" };
        var seed = new Option<ulong>("--seed") { Description = "Seeds split, order and augmentation", DefaultValueFactory = _ => 1 };
        var threads = new Option<int>("--threads") { Description = "Threads for training, 0 for all", DefaultValueFactory = _ => 0 }.Between(0, 256);
        var preprocessing = ModelOptions.Preprocessing();
        var latency = new Option<double?>("--max-latency-ms") { Description = "Latency budget, in place of the profiles'" };
        var bytes = new Option<long?>("--max-model-bytes") { Description = "Size budget, in place of the profiles'" };
        var energy = new Option<double?>("--max-energy-mj") { Description = "Energy budget of one inference, in place of the profiles'" };
        var fromFleet = new Option<string?>("--from-fleet") { Description = "Address of a controller: predict latencies by what its devices measured" };
        var controller = new ControllerOptions();
        var command = new Command("compress", "Make a family of small int8 students for one or more boards")
        {
            model, data, validation, test, students, budget, target, resume, teacher, name, seed, threads, preprocessing, latency, bytes, energy, fromFleet, controller.Token, controller.TokenFile,
        };
        profiles.AddTo(command);
        command.SetAction(async (parsed, cancellation) =>
        {
            var boards = profiles.Load(parsed);
            IReadOnlyDictionary<string, CostModel> costs = new Dictionary<string, CostModel>();
            if (parsed.GetValue(fromFleet) is { } address)
            {
                using var fleet = controller.Connect(address, parsed);
                costs = await FittedCosts.FetchAsync(fleet, boards, terminal.Note, cancellation);
            }
            var report = Run(terminal, new CompressionOptions
            {
                ModelPath = parsed.GetValue(model)!,
                DataPath = parsed.GetValue(data)!,
                ValidationPath = parsed.GetValue(validation),
                TestPath = parsed.GetValue(test),
                OutDirectory = parsed.GetValue(target)!,
                Profiles = boards,
                Students = parsed.GetValue(students),
                Budget = parsed.GetValue(budget),
                Teacher = parsed.GetValue(teacher) == "joint" ? TeacherMode.Joint : TeacherMode.Fixed,
                Resume = parsed.GetValue(resume),
                Seed = parsed.GetValue(seed),
                Threads = parsed.GetValue(threads),
                Preprocessing = parsed.GetValue(preprocessing) is { } given ? Engines.ModelPreprocessing.Read(given) : null,
                CostModels = costs,
                Budgets = new ProfileBudgets(parsed.GetValue(latency), parsed.GetValue(bytes), parsed.GetValue(energy)),
                Name = parsed.GetValue(name),
            }, cancellation);
            terminal.Result(report.ToJson(), console => FamilyTable.Show(console, report));
            return ExitCodes.Done;
        });
        return command;
    }

    /// <summary>Runs the pipeline with its progress on standard error.</summary>
    /// <exception cref="CommandException">It was stopped; the message says how to go on.</exception>
    public static FamilyReport Run(Terminal terminal, CompressionOptions options, CancellationToken cancellation)
    {
        try
        {
            return CompressionBar.Run(terminal, progress => CompressionPipeline.Run(options, progress, cancellation));
        }
        catch (OperationCanceledException fault)
        {
            throw new CommandException($"stopped; a checkpoint is in {options.OutDirectory}, and the same command with --resume continues it", fault);
        }
    }
}
