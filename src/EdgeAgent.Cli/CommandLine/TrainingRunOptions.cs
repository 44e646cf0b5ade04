using System.CommandLine;
using EdgeAgent.Cli.Engines;
using EdgeAgent.Compression;
using EdgeAgent.Compression.Distillation;

namespace EdgeAgent.Cli.CommandLine;

/// <summary>The options of every command that trains: model, data, time, place.</summary>
internal sealed class TrainingRunOptions
{
    private readonly Option<string> _model = ModelOptions.Model();
    private readonly Option<string> _data = new("--data") { Description = "Training images: a folder, .zip, .tar or .tar.gz of class folders", Required = true };
    private readonly Option<bool> _transfer = new("--transfer") { Description = "The model was trained for other classes: fit it to the data first, with a new last layer" };
    private readonly Option<string?> _validation = new("--validation") { Description = "Images to choose by (default: a tenth of --data)" };
    private readonly Option<string?> _test = new("--test") { Description = "Images that are read once, after everything is decided" };
    private readonly Option<TimeSpan> _budget = Durations.Option("--budget", "Time for the whole run", TimeSpan.FromMinutes(30));
    private readonly Option<long?> _steps = new Option<long?>("--steps") { Description = "Steps of training, in place of --budget: the same command then gives the same files" }.Accept(n => n is >= 1, "--steps must be at least 1.");
    private readonly Option<string> _distillation = new("--distillation") { Description = "How students learn from the teacher: kd (Hinton) or dkd (decoupled)", DefaultValueFactory = _ => "kd" };
    private readonly Option<double> _mixup = new Option<double>("--mixup") { Description = "Share of the training images that are mixed with another one", DefaultValueFactory = _ => 0 }.Between(0, 1);
    private readonly Option<string> _flip = new("--flip") { Description = "Mirror half of the images in training: on, off, or auto: if the teacher knows mirrored images", DefaultValueFactory = _ => "auto" };
    private readonly Option<string> _out = new("--out") { Description = "Folder for models, report and checkpoints", Required = true };
    private readonly Option<bool> _resume = new("--resume") { Description = "Continue the run that was stopped in --out" };
    private readonly Option<TimeSpan> _checkpoint = Durations.Option("--checkpoint-every", "Time between two checkpoints", TimeSpan.FromMinutes(3));
    private readonly Option<ulong> _seed = new("--seed") { Description = "Seeds split, order and augmentation", DefaultValueFactory = _ => 1 };
    private readonly Option<int> _threads = new Option<int>("--threads") { Description = "Threads for training, 0 for all", DefaultValueFactory = _ => 0 }.Between(0, 256);
    private readonly Option<string?> _preprocessing = ModelOptions.Preprocessing();
    private readonly Option<int[]> _sizes = ModelOptions.Sizes();

    public void AddTo(Command command)
    {
        _distillation.AcceptOnlyFromAmong("kd", "dkd");
        _flip.AcceptOnlyFromAmong("auto", "on", "off");
        foreach (var option in (Option[])[_model, _data, _transfer, _validation, _test, _budget, _steps, _distillation, _mixup, _flip, _out, _resume, _checkpoint, _seed, _threads, _preprocessing, _sizes])
            command.Options.Add(option);
    }

    public TrainingOptions Read(ParseResult parsed) => new()
    {
        ModelPath = parsed.GetValue(_model)!,
        Sizes = parsed.GetValue(_sizes)!,
        DataPath = parsed.GetValue(_data)!,
        Transfer = parsed.GetValue(_transfer),
        ValidationPath = parsed.GetValue(_validation),
        TestPath = parsed.GetValue(_test),
        Steps = parsed.GetValue(_steps),
        Distillation = parsed.GetValue(_distillation) == "kd" ? DistillationKind.Plain : DistillationKind.Decoupled,
        Mixup = parsed.GetValue(_mixup),
        Flip = parsed.GetValue(_flip) switch { "on" => true, "off" => false, _ => null },
        OutDirectory = parsed.GetValue(_out)!,
        Budget = parsed.GetValue(_budget),
        Resume = parsed.GetValue(_resume),
        CheckpointEvery = parsed.GetValue(_checkpoint),
        Seed = parsed.GetValue(_seed),
        Threads = parsed.GetValue(_threads),
        Preprocessing = ModelPreprocessing.Read(parsed.GetValue(_preprocessing)),
    };
}
