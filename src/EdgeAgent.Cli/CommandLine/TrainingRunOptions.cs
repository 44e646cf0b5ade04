using System.CommandLine;
using EdgeAgent.Cli.Engines;
using EdgeAgent.Inputs;

namespace EdgeAgent.Cli.CommandLine;

/// <summary>The options of every command that trains: model, data, time, place.</summary>
internal sealed class TrainingRunOptions
{
    private readonly Option<string?> _preprocessing = ModelOptions.Preprocessing();

    public Option<string> Model { get; } = ModelOptions.Model();

    public Option<string> Data { get; } = new("--data") { Description = "Training images: a folder or .zip of class folders", Required = true };

    public Option<string?> Validation { get; } = new("--validation") { Description = "Images to choose by (default: a tenth of --data)" };

    public Option<string?> Test { get; } = new("--test") { Description = "Images that are read once, after everything is decided" };

    public Option<TimeSpan> Budget { get; } = Durations.Option("--budget", "Time for the whole run", TimeSpan.FromMinutes(30));

    public Option<string> Out { get; } = new("--out") { Description = "Folder for models, report and checkpoints", Required = true };

    public Option<bool> Resume { get; } = new("--resume") { Description = "Continue the run that was stopped in --out" };

    public Option<ulong> Seed { get; } = new("--seed") { Description = "Seeds split, order and augmentation", DefaultValueFactory = _ => 1 };

    public Option<int> Threads { get; } = new Option<int>("--threads") { Description = "Threads for training, 0 for all", DefaultValueFactory = _ => 0 }.Between(0, 256);

    public void AddTo(Command command)
    {
        foreach (var option in (Option[])[Model, Data, Validation, Test, Budget, Out, Resume, Seed, Threads, _preprocessing])
            command.Options.Add(option);
    }

    public Preprocessing? PreprocessingOf(ParseResult parsed) => parsed.GetValue(_preprocessing) is { } given ? ModelPreprocessing.Read(given) : null;
}
