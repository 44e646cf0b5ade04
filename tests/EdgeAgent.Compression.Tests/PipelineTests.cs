using EdgeAgent.Compression.Checkpoints;
using EdgeAgent.Compression.Distillation;
using EdgeAgent.Compression.Family;
using EdgeAgent.Compression.Packaging;
using EdgeAgent.Compression.Passes;
using EdgeAgent.Compression.Teacher;
using EdgeAgent.Compression.Tests.Family;
using EdgeAgent.Contracts.Artifacts;
using EdgeAgent.Contracts.Devices;
using EdgeAgent.Graph.Export.Onnx;
using EdgeAgent.Graph.Import;
using EdgeAgent.Graph.Ir;
using EdgeAgent.Inputs;
using EdgeAgent.Int8.Execution;
using EdgeAgent.Int8.Plan;
using EdgeAgent.Tests;
using EdgeAgent.Tests.Graph;

namespace EdgeAgent.Compression.Tests;

/// <summary>The whole pipeline on a small teacher and a few seconds: what it writes, and what it refuses.</summary>
public sealed class PipelineTests : IDisposable
{
    private readonly TestData _data = new();

    public void Dispose() => _data.Dispose();

    [Fact]
    public void Run_OnASmallTeacher_WritesStudentsThatEnginesRunAlike()
    {
        var options = Options();
        var report = CompressionPipeline.Run(options, Quiet.Instance, TestContext.Current.CancellationToken);

        Assert.NotEmpty(report.Students);
        Assert.Equal(report.ToJson(), FamilyReport.FromJson(File.ReadAllText(Path.Combine(options.OutDirectory, "family.json"))).ToJson());
        foreach (var student in report.Students)
        {
            var folder = Path.Combine(options.OutDirectory, student.Directory);
            var manifest = PackageVerifier.ReadManifest(File.ReadAllBytes(Path.Combine(folder, StudentFolder.ManifestName)));
            foreach (var file in manifest.Files)
                Assert.Equal(file.Digest, Sha256Digest.OfFile(Path.Combine(folder, file.Path)));
            Assert.Equal(student.Top1, manifest.Metric.Value);
            Assert.Equal("validation", manifest.Metric.Split);

            using var plan = PlanModel.Load(Path.Combine(folder, "model.plan"));
            using var executor = new PlanExecutor(plan);
            var inputs = Floats(Path.Combine(folder, "golden.inputs"));
            var outputs = Floats(Path.Combine(folder, "golden.outputs"));
            var (length, logits) = (3 * TestGraphs.Size * TestGraphs.Size, new float[TestGraphs.Classes]);
            for (var i = 0; i < inputs.Length / length; i++)
            {
                executor.Run(inputs.AsSpan(i * length, length), logits);
                Assert.Equal(outputs[(i * logits.Length)..((i + 1) * logits.Length)], logits);
            }
        }
        var model = ModelImporter.Load(Path.Combine(options.OutDirectory, report.Students[0].Directory, "model.onnx"));
        Assert.Contains(model.Nodes, n => n.Op is QuantizeLinear);
        Assert.Equal("[\"class-0\",\"class-1\",\"class-2\",\"class-3\"]", model.Metadata["labels"]);
        Assert.Equal(new Preprocessing(TestGraphs.Size, TestGraphs.Size), Preprocessing.FromJson(model.Metadata["preprocessing"]));
    }

    [Fact]
    public void Run_CancelledAndResumed_FinishesTheSameFamily()
    {
        var options = Options();
        using var stop = new CancellationTokenSource();
        var stopper = new Quiet(p =>
        {
            if (p is { Pass: "distil", Done: > 0 })
                stop.Cancel();
        });
        Assert.ThrowsAny<OperationCanceledException>(() => CompressionPipeline.Run(options, stopper, stop.Token));
        Assert.False(File.Exists(Path.Combine(options.OutDirectory, "family.json")));

        var report = CompressionPipeline.Run(options with { Resume = true }, Quiet.Instance, TestContext.Current.CancellationToken);
        Assert.NotEmpty(report.Students);
        Assert.Equal(1, Assert.Single(report.Passes, p => p.Name == "calibrate").Runs);
        Assert.Equal(2, Assert.Single(report.Passes, p => p.Name == "load").Runs);

        var other = Assert.Throws<InputException>(() => CompressionPipeline.Run(options with { Resume = true, Seed = 2 }, Quiet.Instance, TestContext.Current.CancellationToken));
        Assert.Contains("--resume", other.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Run_WithTheTeacherTrainedAlong_WritesStudentsAndTellsTheOverhead()
    {
        var report = CompressionPipeline.Run(Options() with { Teacher = TeacherMode.Joint, Students = 1, Distillation = DistillationKind.Decoupled, Mixup = 0.5 }, Quiet.Instance, TestContext.Current.CancellationToken);
        Assert.NotEmpty(report.Students);
        Assert.DoesNotContain(report.Students, s => s.Name == "teacher");
        Assert.Equal("joint", report.Overhead.Teacher);
        Assert.InRange(report.Overhead.MacShare, 0.001, 1);
        Assert.InRange(report.Overhead.ElementwiseShare, report.Overhead.MacShare, 1);
        Assert.Equal(report.Overhead.JointStepUs / report.Overhead.TeacherStepUs!.Value, report.Overhead.Ratio!.Value, 6);
    }

    /// <summary>A teacher wide enough that mobile blocks are wider at the same cost; stopped in the trial and in the training, it ends the same.</summary>
    [Fact]
    public void Run_WithATrialOfBlocks_StoppedAndResumed_GivesTheSameFiles()
    {
        var options = Options();
        options = options with { Steps = 32, Students = 1, CostModels = options.Profiles.ToDictionary(p => p.Id, p => FamilyPlannerTests.Costs(p, depthwiseUs: 1)) };
        OnnxExporter.Write(SmallResNet.Create(TestGraphs.Size, TestGraphs.Classes, width: 32, seed: 2), options.ModelPath);
        var whole = CompressionPipeline.Run(options, Quiet.Instance, TestContext.Current.CancellationToken);
        var trial = Assert.Single(whole.Passes, p => p.Name == BlockTrial.Pass);
        Assert.Equal(4, trial.Steps);
        Assert.All(whole.Students, s => Assert.Contains("after 4 steps of both", s.Reason, StringComparison.Ordinal));

        var cut = options with { OutDirectory = Path.Combine(_data.Root, "cut"), Resume = true };
        foreach (var pass in (string[])[BlockTrial.Pass, "distil"])
        {
            using var stop = new CancellationTokenSource();
            var stopper = new Quiet(p =>
            {
                if (p.Pass == pass && p.Done == 2)
                    stop.Cancel();
            });
            Assert.ThrowsAny<OperationCanceledException>(() => CompressionPipeline.Run(cut, stopper, new SecondsPassing(), stop.Token));
            Assert.Equal(2, Checkpoint.ReadHeader(Path.Combine(cut.OutDirectory, ".compress", $"{pass}.ckpt")).Step);
        }
        var resumed = CompressionPipeline.Run(cut, Quiet.Instance, TestContext.Current.CancellationToken);

        Assert.Equal(whole.Students.Select(s => (s.Name, s.Reason, s.Top1)), resumed.Students.Select(s => (s.Name, s.Reason, s.Top1)));
        foreach (var (a, b) in whole.Students.Zip(resumed.Students))
            foreach (var file in (string[])["model.onnx", "model.plan"])
                Assert.Equal(File.ReadAllBytes(Path.Combine(options.OutDirectory, a.Directory, file)), File.ReadAllBytes(Path.Combine(cut.OutDirectory, b.Directory, file)));
    }

    /// <summary>Their plan computes the bytes of the simulation, or they would not ship.</summary>
    [Theory]
    [InlineData(TeacherMode.Fixed)]
    [InlineData(TeacherMode.Joint)]
    public void Run_WithMobileBlocks_ShipsDepthwiseStudents(TeacherMode mode)
    {
        var options = Options() with { Blocks = BlockChoice.Mobile, Teacher = mode, Steps = 40 };
        OnnxExporter.Write(SmallResNet.Create(TestGraphs.Size, TestGraphs.Classes, width: 16, seed: 2), options.ModelPath);
        var report = CompressionPipeline.Run(options, Quiet.Instance, TestContext.Current.CancellationToken);

        Assert.Empty(report.Rejected);
        Assert.NotEmpty(report.Students);
        Assert.All(report.Students, s =>
        {
            Assert.Equal(BlockKind.Mobile, s.Blocks);
            Assert.StartsWith("m", s.Name, StringComparison.Ordinal);
            Assert.Contains("mobile blocks", s.Reason, StringComparison.Ordinal);
            using var plan = PlanModel.Load(Path.Combine(options.OutDirectory, s.Directory, "model.plan"));
            // Six blocks, and the normalisation of the pixels.
            Assert.Equal(7, plan.Operators.Count(o => o.Type == "DepthwiseConv"));
        });
        Assert.Contains("--blocks mobile", report.Run!.Command, StringComparison.Ordinal);
    }

    /// <summary>Package, plan and golden samples take what the package's pre-processing makes of an image file.</summary>
    [Fact]
    public void Run_OnATeacherOfGreyImages_WritesStudentsOfGreyImages()
    {
        var test = new TestGraph(4);
        var image = test.Node(new Mul(), test.Input(1, TestGraphs.Size, TestGraphs.Size), test.Constant(Tensor.Of([1 / 64f], 1, 1, 1, 1)));
        var features = test.Node(new Relu(), test.Conv(test.Node(new Relu(), test.Conv(image, 1, 16)), 16, 24, stride: 2));
        var options = Options() with { Steps = 16, Students = 1 };
        OnnxExporter.Write(test.Build(test.Dense(test.Node(new Flatten(1), test.Node(new GlobalAveragePool(), features)), 24, TestGraphs.Classes)), options.ModelPath);
        var notes = new List<string>();

        var report = CompressionPipeline.Run(options, new Quiet(p => notes.AddRange(p.Note is { } note ? [note] : [])), TestContext.Current.CancellationToken);

        var folder = Path.Combine(options.OutDirectory, Assert.Single(report.Students).Directory);
        var manifest = PackageVerifier.ReadManifest(File.ReadAllBytes(Path.Combine(folder, StudentFolder.ManifestName)));
        Assert.Equal([-1, 1, TestGraphs.Size, TestGraphs.Size], manifest.Inputs[0].Shape);
        var preprocessing = Preprocessing.FromJson(manifest.Preprocessing!.Value.GetRawText());
        Assert.Equal(1, preprocessing.Channels);
        using var images = LabelledImages.Open(options.DataPath);
        var files = Enumerable.Range(0, images.Count).Select(i =>
        {
            var tensor = new float[preprocessing.Length];
            preprocessing.Apply(ImageDecoder.Decode(images.Read(i)), tensor);
            return tensor;
        }).ToArray();
        using var plan = PlanModel.Load(Path.Combine(folder, "model.plan"));
        using var executor = new PlanExecutor(plan);
        var (golden, outputs, logits) = (Floats(Path.Combine(folder, "golden.inputs")), Floats(Path.Combine(folder, "golden.outputs")), new float[TestGraphs.Classes]);
        foreach (var (i, input) in golden.Chunk(preprocessing.Length).Index())
        {
            Assert.Contains(files, f => f.AsSpan().SequenceEqual(input));
            executor.Run(input, logits);
            Assert.Equal(outputs[(i * logits.Length)..((i + 1) * logits.Length)], logits);
        }
        // Random weights know no class: that is told at once, and stands in the report.
        Assert.Contains(Assert.Single(report.Warnings, w => w.StartsWith("The teacher has", StringComparison.Ordinal)), notes);
    }

    [Theory]
    [InlineData("dense")]
    [InlineData("convolution")]
    public void Run_WithTransfer_FitsATeacherOfOtherClasses(string head)
    {
        Directory.Delete(Path.Combine(_data.Images, "class-3"), recursive: true);
        var options = Options() with { Transfer = true, Steps = 400, Students = 1 };
        if (head == "convolution")
            OnnxExporter.Write(TestGraphs.FullyConvolutional(), options.ModelPath);
        var report = CompressionPipeline.Run(options, Quiet.Instance, TestContext.Current.CancellationToken);

        Assert.NotEmpty(report.Students);
        Assert.Contains(ModelImporter.Load(Path.Combine(options.OutDirectory, "int8", "model.onnx")).Nodes, n => n.Op is QuantizeLinear);
        var teacher = ModelImporter.Load(Path.Combine(options.OutDirectory, "teacher.onnx"));
        Assert.Equal([-1, 3], teacher.Outputs[0].Shape);
        Assert.InRange(report.Teacher.Top1, 0.6, 1);
        var transfer = Assert.Single(report.Passes, p => p.Name == "transfer");
        Assert.Contains("3 classes", transfer.Effect, StringComparison.Ordinal);

        // Killed after the transfer, it has not to be done again: the same file comes of the checkpoint alone.
        var before = File.ReadAllBytes(Path.Combine(options.OutDirectory, "teacher.onnx"));
        File.Delete(Path.Combine(options.OutDirectory, ".compress", "plan.json"));
        CompressionPipeline.Run(options with { Resume = true }, Quiet.Instance, TestContext.Current.CancellationToken);
        Assert.Equal(before, File.ReadAllBytes(Path.Combine(options.OutDirectory, "teacher.onnx")));
    }

    /// <summary>
    /// Their plan computes the bytes of the simulation, or they would not ship. More sizes are asked for than there are
    /// students of channels in eights.
    /// </summary>
    [Fact]
    public void Run_OnATeacherOfSlicesAndNormsOfVectors_ShipsAndTellsHowManySizesThereAre()
    {
        var options = Options() with { Steps = 40, Students = 12 };
        OnnxExporter.Write(TestGraphs.SlicedNormed(), options.ModelPath);
        var report = CompressionPipeline.Run(options, Quiet.Instance, TestContext.Current.CancellationToken);

        Assert.Empty(report.Rejected);
        Assert.True(report.Students.Count > 1, $"{report.Students.Count} student");
        Assert.All(report.Students, s => Assert.True(s.PlanBytes > 0));
        Assert.Contains(report.Warnings, w => w.StartsWith($"x64-gateway has {report.Students.Count} of the 12 students", StringComparison.Ordinal));
        Assert.DoesNotContain(Directory.EnumerateFiles(Path.Combine(options.OutDirectory, ".compress")), f => f.EndsWith(".answers", StringComparison.Ordinal));
    }

    /// <summary>In one line that names the node, in place of a fault after all training; and nothing of the run before is lost.</summary>
    [Theory]
    [InlineData("resized", "(Resize): has no int8 definition")]
    [InlineData("shuffled", "(Reshape): the int8 engine has no place for the shape [1,2,8,8,8]")]
    public void Run_OnATeacherWhoseStudentsCouldNotShip_IsRefusedBeforeAnythingIsTrained(string teacher, string fault)
    {
        var options = Options();
        OnnxExporter.Write(teacher == "resized" ? TestGraphs.Resized() : TestGraphs.Shuffled(), options.ModelPath);
        var kept = Path.Combine(Directory.CreateDirectory(Path.Combine(options.OutDirectory, ".compress")).FullName, "distil.ckpt");
        File.WriteAllText(kept, "of an earlier run");

        var message = Refused(options);

        Assert.StartsWith(options.ModelPath, message, StringComparison.Ordinal);
        Assert.Contains(fault, message, StringComparison.Ordinal);
        Assert.Equal("of an earlier run", File.ReadAllText(kept));
    }

    [Fact]
    public void Run_OnDataWithOtherClasses_NamesBothNumbers()
    {
        Directory.Delete(Path.Combine(_data.Images, "class-3"), recursive: true);
        var fault = Refused(Options());
        Assert.Contains("3 classes", fault, StringComparison.Ordinal);
        Assert.Contains("4 outputs", fault, StringComparison.Ordinal);
        Assert.Contains("--transfer", fault, StringComparison.Ordinal);
    }

    /// <summary>Not after an hour of training.</summary>
    [Fact]
    public void Run_WithTestImagesOfOtherClasses_IsRefusedBeforeAnythingIsTrained()
    {
        var test = Path.Combine(_data.Root, "test");
        foreach (var name in (string[])["class-0", "other"])
            File.WriteAllText(Path.Combine(Directory.CreateDirectory(Path.Combine(test, name)).FullName, "0.png"), "");
        Assert.Contains("class-0, other", Refused(Options() with { TestPath = test }), StringComparison.Ordinal);
        Assert.Contains("nowhere", Refused(Options() with { TestPath = Path.Combine(_data.Root, "nowhere") }), StringComparison.Ordinal);
        Assert.False(File.Exists(Path.Combine(Options().OutDirectory, ".compress", "plan.json")));
    }

    [Fact]
    public void Run_OnAnEmptyClass_NamesIt()
    {
        foreach (var file in Directory.EnumerateFiles(Path.Combine(_data.Images, "class-1")))
            File.Delete(file);
        Assert.Contains("class-1", Refused(Options()), StringComparison.Ordinal);
    }

    [Fact]
    public void Run_OnAnImageThatDoesNotDecode_SkipsAndNamesIt()
    {
        File.WriteAllText(Path.Combine(_data.Images, "class-0", "000.png"), "no image");
        var report = CompressionPipeline.Run(Options(), Quiet.Instance, TestContext.Current.CancellationToken);
        Assert.Contains("class-0/000.png", Assert.Single(report.SkippedImages), StringComparison.Ordinal);
    }

    [Fact]
    public void Run_OnATruncatedModel_IsRefused()
    {
        var options = Options();
        File.WriteAllBytes(options.ModelPath, File.ReadAllBytes(options.ModelPath)[..200]);
        Assert.Throws<ModelImportException>(() => CompressionPipeline.Run(options, Quiet.Instance, TestContext.Current.CancellationToken));
    }

    [Fact]
    public void Run_IntoAFile_IsRefused()
    {
        var file = Path.Combine(_data.Root, "file");
        File.WriteAllText(file, "");
        Assert.Contains("--out", Refused(Options() with { OutDirectory = file }), StringComparison.Ordinal);
    }

    [Fact]
    public void Run_ForNoProfile_IsRefused() =>
        Assert.Contains("--profile", Refused(Options() with { Profiles = [] }), StringComparison.Ordinal);

    private static string Refused(CompressionOptions options)
    {
        var message = Assert.Throws<InputException>(() => CompressionPipeline.Run(options, Quiet.Instance, TestContext.Current.CancellationToken)).Message;
        Assert.DoesNotContain('\n', message);
        return message;
    }

    private CompressionOptions Options()
    {
        var model = Path.Combine(_data.Root, "teacher.onnx");
        OnnxExporter.Write(TestGraphs.Residual(), model);
        return new CompressionOptions
        {
            ModelPath = model,
            DataPath = _data.Images,
            OutDirectory = Path.Combine(_data.Root, "family"),
            Profiles = [ProfileLoader.LoadById(Repository.FirmwareProfiles, "x64-gateway")],
            Students = 2,
            Budget = TimeSpan.FromSeconds(5),
        };
    }

    /// <summary>A second passes whenever it is looked at, so that every step is reported.</summary>
    private sealed class SecondsPassing : TimeProvider
    {
        private long _now;

        public override long GetTimestamp() => Interlocked.Add(ref _now, TimestampFrequency);
    }

    private static float[] Floats(string path)
    {
        var bytes = File.ReadAllBytes(path);
        var values = new float[bytes.Length / sizeof(float)];
        Buffer.BlockCopy(bytes, 0, values, 0, bytes.Length);
        return values;
    }
}
