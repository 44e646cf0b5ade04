using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using EdgeAgent.Compression.Data;
using EdgeAgent.Compression.Teacher;
using EdgeAgent.Graph.Import;
using EdgeAgent.Graph.Ir;
using EdgeAgent.Graph.Rewrites;
using EdgeAgent.Inputs;

namespace EdgeAgent.Compression.Passes;

/// <summary>Model and data of a run, read and checked.</summary>
public sealed record RunInputs : IDisposable
{
    private const double HeldOutShare = 0.1;

    private readonly List<LabelledImages> _opened = [];

    private RunInputs()
    {
    }

    /// <summary>The teacher, ending at its logits.</summary>
    public required GraphSpec Teacher { get; init; }

    /// <summary>The user's file takes channels last and the teacher here channels first.</summary>
    public required bool TurnedInput { get; init; }

    public required long TeacherBytes { get; init; }

    public required Preprocessing Preprocessing { get; init; }

    public required IReadOnlyList<string> Classes { get; init; }

    /// <summary>Training images, augmented.</summary>
    public required BatchSource Training { get; init; }

    /// <summary>Training images as they are, for calibration.</summary>
    public required BatchSource PlainTraining { get; init; }

    /// <summary>The images that everything is chosen by.</summary>
    public required BatchSource Validation { get; init; }

    public required string DataSha256 { get; init; }

    public required string ValidationSha256 { get; init; }

    public required string Fingerprint { get; init; }

    public required IReadOnlyList<string> Skipped { get; init; }

    /// <summary>How many test images there will be; their names are read at once, so that a wrong path fails now, their pixels at the end.</summary>
    public required int TestImages { get; init; }

    /// <exception cref="InputException">Something cannot be used; one line.</exception>
    public static RunInputs Open(TrainingOptions options, Action<string> note, CancellationToken cancellation)
    {
        var original = ModelImporter.Load(options.ModelPath, options.Sizes);
        var planar = PlanarInputs.Apply(original);
        var preprocessing = PreprocessingFor(options, original);
        // A model that takes channels last is trained and shipped with channels first: the pre-processing turns with it.
        var turned = !planar.Inputs[0].Shape.SequenceEqual(original.Inputs[0].Shape);
        if (turned)
            preprocessing = preprocessing with { Layout = TensorLayout.Nchw };
        var graph = ClassifierHead.ToLogits(Simplification.Apply(planar));
        var classes = ShapeInference.Infer(graph, 1)[graph.Outputs[0].Name].Shape[1..].Aggregate(1, (a, b) => a * b);

        var skipped = new List<string>();
        void Skip(string fault)
        {
            skipped.Add(fault);
            note($"skipped {fault}");
        }
        var data = LabelledImages.Open(options.DataPath);
        LabelledImages? validation = null;
        try
        {
            if (data.Classes.Count != classes && !options.Transfer)
                throw new InputException($"{options.DataPath}: has {data.Classes.Count} classes, but the model {options.ModelPath} has {classes} outputs; give the data that the model was trained for, or fit the model to this data with --transfer");
            var samples = ImageSamples.Open(data, preprocessing.Width, preprocessing.Height, options.ImageMemoryBytes, Skip, cancellation);
            RequireImages(samples, options.DataPath);
            var (training, held) = options.ValidationPath is null ? samples.SplitStratified(HeldOutShare, options.Seed) : ([.. Enumerable.Range(0, samples.Count)], []);
            var heldSamples = samples;
            if (options.ValidationPath is not null)
            {
                validation = LabelledImages.Open(options.ValidationPath);
                RequireSameClasses(data.Classes, validation);
                heldSamples = ImageSamples.Open(validation, preprocessing.Width, preprocessing.Height, options.ImageMemoryBytes, Skip, cancellation);
                RequireImages(heldSamples, options.ValidationPath);
                held = [.. Enumerable.Range(0, heldSamples.Count)];
            }
            // Much is judged by the first held-out images alone, and files come class by class: in any order but that one.
            held = [.. CounterRandom.Of(options.Seed, 0x4E1D).Permutation(held.Length).Select(i => held[i])];
            if (held.Length == 0)
                throw new InputException($"{options.DataPath}: too few images to hold a tenth of them back; add images or give --validation");
            var inputs = new RunInputs
            {
                Teacher = graph with { Metadata = Metadata(graph, data.Classes, preprocessing) },
                TurnedInput = turned,
                TeacherBytes = ModelImporter.BytesOf(options.ModelPath),
                Preprocessing = preprocessing,
                Classes = data.Classes,
                Training = new BatchSource(samples, training, preprocessing, Augmentation.For(preprocessing.Width, preprocessing.Height) with { Flip = options.Flip ?? true, Mixup = options.Mixup }, options.Seed),
                PlainTraining = new BatchSource(samples, training, preprocessing, Augmentation.None, options.Seed),
                Validation = new BatchSource(heldSamples, held, preprocessing, Augmentation.None, options.Seed),
                DataSha256 = data.Sha256,
                ValidationSha256 = validation?.Sha256 ?? data.Sha256,
                Fingerprint = FingerprintOf(options, data.Sha256, validation?.Sha256),
                Skipped = skipped,
                TestImages = options.TestPath is { } test ? CountTestImages(test, data) : 0,
            };
            inputs._opened.Add(data);
            if (validation is not null)
                inputs._opened.Add(validation);
            return inputs;
        }
        catch
        {
            data.Dispose();
            validation?.Dispose();
            throw;
        }
    }

    /// <summary>The test images; opened only after the choice is on disk.</summary>
    public (BatchSource Images, string Sha256) OpenTest(string path, TrainingOptions options, Action<string> note, CancellationToken cancellation)
    {
        var images = LabelledImages.Open(path);
        _opened.Add(images);
        RequireSameClasses(Classes, images);
        var samples = ImageSamples.Open(images, Preprocessing.Width, Preprocessing.Height, options.ImageMemoryBytes, note, cancellation);
        RequireImages(samples, path);
        return (new BatchSource(samples, [.. Enumerable.Range(0, samples.Count)], Preprocessing, Augmentation.None, options.Seed), images.Sha256);
    }

    public string Describe() => $"{Training.Count} training and {Validation.Count} held-out images of {Classes.Count} classes, {Skipped.Count} skipped";

    public void Dispose()
    {
        foreach (var images in _opened)
            images.Dispose();
    }

    /// <summary>What a file needs to be used by itself, in every model that is made of the teacher: <c>labels</c>, a JSON array, and <c>preprocessing</c>, as <see cref="Preprocessing.ToJson"/> has it.</summary>
    private static Dictionary<string, string> Metadata(GraphSpec graph, IReadOnlyList<string> classes, Preprocessing preprocessing) => new(graph.Metadata)
    {
        ["labels"] = new JsonArray([.. classes.Select(c => JsonValue.Create(c))]).ToJsonString(),
        ["preprocessing"] = preprocessing.ToJson(),
    };

    private static Preprocessing PreprocessingFor(TrainingOptions options, GraphSpec graph)
    {
        if (graph.Inputs.Count != 1 || graph.Outputs.Count != 1)
            throw new InputException($"{options.ModelPath}: has {graph.Inputs.Count} inputs and {graph.Outputs.Count} outputs; a classifier with one of each can be compressed");
        var plain = graph.Inputs[0].Shape switch
        {
            [_, RgbImage.Channels, var height, var width] => new Preprocessing(width, height),
            [_, var height, var width, RgbImage.Channels] => new Preprocessing(width, height) { Layout = TensorLayout.Nhwc },
            var shape => throw new InputException($"{options.ModelPath}: the input has shape [{string.Join(',', shape)}]; image models with N x 3 x H x W or N x H x W x 3 can be compressed"),
        };
        if (options.Preprocessing is not { } given)
            return plain;
        return given.Width == plain.Width && given.Height == plain.Height && given.Layout == plain.Layout
            ? given
            : throw new InputException($"{options.ModelPath}: the pre-processing makes {given.Width} x {given.Height} images, the model's input is {plain.Width} x {plain.Height}");
    }

    private static void RequireImages(ImageSamples samples, string path)
    {
        var present = samples.Labels.Distinct().Count();
        if (present < samples.ClassCount)
            throw new InputException($"{path}: {samples.ClassCount - present} of {samples.ClassCount} classes have no image that decodes; repair or remove them");
    }

    private static int CountTestImages(string path, LabelledImages data)
    {
        using var test = LabelledImages.Open(path);
        RequireSameClasses(data.Classes, test);
        return test.Count;
    }

    private static void RequireSameClasses(IReadOnlyList<string> classes, LabelledImages other)
    {
        if (!classes.SequenceEqual(other.Classes))
            throw new InputException($"{other.Path}: its classes ({string.Join(", ", other.Classes)}) are not the training data's ({string.Join(", ", classes)})");
    }

    private static string FingerprintOf(TrainingOptions options, string data, string? validation)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var files = Directory.Exists(options.ModelPath) ? Directory.EnumerateFiles(options.ModelPath, "*", SearchOption.AllDirectories).Order(StringComparer.Ordinal) : Enumerable.Repeat(options.ModelPath, 1);
        foreach (var file in files)
            hash.AppendData(SHA256.HashData(File.ReadAllBytes(file)));
        hash.AppendData(Encoding.UTF8.GetBytes(FormattableString.Invariant($"{data}|{validation}|{options.Seed}|{options.Transfer}|{options.Steps}|{options.Distillation}|{options.Mixup}|{options.Flip}|{options.Budget.TotalSeconds}|{options.Preprocessing?.ToJson()}|{options.Distinction}")));
        if (options.Sizes.Count > 0)
            hash.AppendData(Encoding.UTF8.GetBytes(string.Join(',', options.Sizes)));
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }
}
