import AVFoundation
import CoreImage
import Observation

/// The front camera, each frame cut out and shown. Frames are worked on in a queue of their own.
@Observable
final class Camera: NSObject, AVCaptureVideoDataOutputSampleBufferDelegate {
    private(set) var picture: CGImage?
    private(set) var words = ""

    private let session = AVCaptureSession()
    private let queue = DispatchQueue(label: "sinet.example.frames")
    private let context = CIContext(options: [.workingColorSpace: NSNull()]) // codes are blended as they are
    @ObservationIgnored private var segmenter: Segmenter?
    @ObservationIgnored private var framesPerSecond = 0.0
    @ObservationIgnored private var last: CMTime?

    func start() async {
        guard await AVCaptureDevice.requestAccess(for: .video) else {
            return show(nil, "Without the camera there is nothing to show.")
        }
        queue.async {
            do {
                self.segmenter = try Segmenter()
                try self.configure()
                self.session.startRunning()
            } catch {
                self.show(nil, error.localizedDescription)
            }
        }
    }

    private func configure() throws {
        guard let device = AVCaptureDevice.default(.builtInWideAngleCamera, for: .video, position: .front) else {
            throw CocoaError(.featureUnsupported)
        }
        let output = AVCaptureVideoDataOutput()
        output.videoSettings = [kCVPixelBufferPixelFormatTypeKey as String: kCVPixelFormatType_32BGRA]
        output.alwaysDiscardsLateVideoFrames = true
        output.setSampleBufferDelegate(self, queue: queue)
        session.beginConfiguration()
        session.sessionPreset = .hd1280x720
        defer { session.commitConfiguration() }
        let input = try AVCaptureDeviceInput(device: device)
        guard session.canAddInput(input), session.canAddOutput(output) else { throw CocoaError(.featureUnsupported) }
        session.addInput(input)
        session.addOutput(output)
        if let connection = output.connection(with: .video) {
            connection.videoRotationAngle = 90 // frames come upright for a phone held upright
            connection.automaticallyAdjustsVideoMirroring = false
            connection.isVideoMirrored = true
        }
    }

    func captureOutput(_ output: AVCaptureOutput, didOutput sample: CMSampleBuffer, from connection: AVCaptureConnection) {
        guard let segmenter, let frame = CMSampleBufferGetImageBuffer(sample) else { return }
        do {
            let made = try segmenter.blurBackground(of: frame)
            let shown = context.createCGImage(made, from: made.extent)
            let words = String(format: "%.1f frames a second", rate(at: CMSampleBufferGetPresentationTimeStamp(sample)))
            show(shown, words)
        } catch {
            show(nil, error.localizedDescription)
        }
    }

    private func show(_ picture: CGImage?, _ words: String) {
        DispatchQueue.main.async {
            self.picture = picture
            self.words = words
        }
    }

    /// Frames a second, the last ones counting most. Frames that come while one is under way are left out.
    private func rate(at time: CMTime) -> Double {
        if let last {
            let now = 1 / max((time - last).seconds, 0.001)
            framesPerSecond = framesPerSecond == 0 ? now : 0.9 * framesPerSecond + 0.1 * now
        }
        last = time
        return framesPerSecond
    }
}
