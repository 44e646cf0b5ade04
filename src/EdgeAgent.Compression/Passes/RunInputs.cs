using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using EdgeAgent.Compression.Data;
using EdgeAgent.Compression.Teacher;
using EdgeAgent.Graph.Export.Onnx;
using EdgeAgent.Graph.Import;
using EdgeAgent.Graph.Ir;
using EdgeAgent.Graph.Rewrites;
using EdgeAgent.Graph.Rewrites.Quantization;
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

    /// <summary>The teacher in float32, ending at its logits.</summary>
    public required GraphSpec Teacher { get; init; }

    /// <summary>
    /// What is measured for the user's file, computing as it does, with the interface of the run: float32 with channels first, one
    /// number for each class. Null where ONNX Runtime takes the file as it is.
    /// </summary>
    public required GraphSpec? Measured { get; init; }

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
        if (original.Inputs.Count != 1 || original.Outputs.Count != 1)
            throw new InputException($"{options.ModelPath}: has {original.Inputs.Count} inputs and {original.Outputs.Count} outputs; a classifier with one of each can be compressed");
        // Integers that a file takes or gives become the numbers they stand for.
        var planar = PlanarInputs.Apply(FloatInterface.OfNumbers(original));
        var preprocessing = ModelInput.PreprocessingFor(options.ModelPath, original.Inputs[0].Shape, options.Preprocessing, original.Metadata);
        if (planar.Inputs[0].Type != ElementType.Float32)
            throw new InputException($"{options.ModelPath}: its input is of type {planar.Inputs[0].Type.ToString().ToLowerInvariant()}; give the model with an input of float32");
        // A model that takes channels last is trained and shipped with channels first: the pre-processing turns with it.
        var turned = !planar.Inputs[0].Shape.SequenceEqual(original.Inputs[0].Shape);
        if (turned)
            preprocessing = preprocessing with { Layout = TensorLayout.Nchw };
        var ending = Simplification.Apply(DropQuantization.Apply(planar));
        var graph = ClassifierHead.ToLogits(ending);
        var classes = graph.Outputs[0].Shape[1];
        var labels = options.Transfer ? null : ModelInput.LabelsOf(original.Metadata);

        var skipped = new List<string>();
        void Skip(string fault)
        {
            skipped.Add(fault);
            note($"skipped {fault}");
        }
        var data = LabelledImages.Open(options.DataPath, labels);
        LabelledImages? validation = null;
        try
        {
            var binary = classes == 1 && data.Classes.Count == 2 && !options.Transfer;
            if (binary)
                (graph, classes) = (ClassifierHead.OfTwoClasses(graph), 2);
            if (data.Classes.Count != classes && !options.Transfer)
                throw new InputException($"{options.DataPath}: has {data.Classes.Count} classes, but the model {options.ModelPath} has {classes} outputs; give the data that the model was trained for, or fit the model to this data with --transfer");
            if (labels?.Count == classes && !data.Classes.SequenceEqual(labels))
                throw new InputException($"{options.DataPath}: its classes ({string.Join(", ", data.Classes)}) are not the labels that {options.ModelPath} has for its outputs ({string.Join(", ", labels)}); give the folders these names, or fit the model to this data with --transfer");
            var samples = ImageSamples.Open(data, preprocessing.Width, preprocessing.Height, options.ImageMemoryBytes, Skip, cancellation);
            RequireImages(samples, options.DataPath);
            var (training, held) = options.ValidationPath is null ? samples.SplitStratified(HeldOutShare, options.Seed) : ([.. Enumerable.Range(0, samples.Count)], []);
            var heldSamples = samples;
            if (options.ValidationPath is not null)
            {
                validation = LabelledImages.Open(options.ValidationPath, data.Classes);
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
                Measured = binary ? ClassifierHead.WithBothAnswers(planar, ClassifierHead.EndsInSigmoid(ending))
                    : turned || options.Sizes.Count > 0 || IsOfIntegers(original) || !options.ModelPath.EndsWith(".onnx", StringComparison.OrdinalIgnoreCase) ? planar : null,
                TeacherBytes = BytesOf(options.ModelPath, planar),
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
        var images = LabelledImages.Open(path, Classes);
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

    /// <summary>What a file needs to be used by itself, in every model that is made of the teacher; see <see cref="ModelInput"/>.</summary>
    private static Dictionary<string, string> Metadata(GraphSpec graph, IReadOnlyList<string> classes, Preprocessing preprocessing) => new(graph.Metadata)
    {
        [ModelInput.LabelsKey] = new JsonArray([.. classes.Select(c => JsonValue.Create(c))]).ToJsonString(),
        [ModelInput.PreprocessingKey] = preprocessing.ToJson(),
    };

    private static bool IsOfIntegers(GraphSpec graph) => graph.Inputs.Concat(graph.Outputs).Any(v => v.Type != ElementType.Float32);

    /// <summary>Of the model's file; of the model as ONNX where a file also keeps what its training needed, an optimizer's moments.</summary>
    private static long BytesOf(string path, GraphSpec model) =>
        ModelImporter.FormatOf(path) is ModelFormat.KerasHdf5 or ModelFormat.KerasZip or ModelFormat.SavedModel ? OnnxExporter.ToBytes(model).Length : ModelImporter.BytesOf(path);

    private static void RequireImages(ImageSamples samples, string path)
    {
        var present = samples.Labels.Distinct().Count();
        if (present < samples.ClassCount)
            throw new InputException($"{path}: {samples.ClassCount - present} of {samples.ClassCount} classes have no image that decodes; repair or remove them");
    }

    private static int CountTestImages(string path, LabelledImages data)
    {
        using var test = LabelledImages.Open(path, data.Classes);
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
        foreach (var path in ModelImporter.FilesOf(options.ModelPath))
        {
            using var file = File.OpenRead(path);
            hash.AppendData(SHA256.HashData(file));
        }
        hash.AppendData(Encoding.UTF8.GetBytes(FormattableString.Invariant($"{data}|{validation}|{options.Seed}|{options.Transfer}|{options.Steps}|{options.Distillation}|{options.Mixup}|{options.Flip}|{options.Budget.TotalSeconds}|{options.Preprocessing?.ToJson()}|{options.Distinction}")));
        if (options.Sizes.Count > 0)
            hash.AppendData(Encoding.UTF8.GetBytes(string.Join(',', options.Sizes)));
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }
}
